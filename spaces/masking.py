"""Hides what only its owner may read: passwords and tokens in commands, URLs and settings, before they are written."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import Any
from urllib.parse import unquote

MASK = "***"
"""Stands for each secret. What is compared is masked on both sides, so that any secret equals any other."""

_NAME = r"(?:pass(?:word|wd|phrase)?|pwd|token|secret|(?:api|access|secret|private|auth)[-_]?key|credentials?)"
SHORTEST = 4
"""Characters of a secret that is masked wherever it stands: a shorter one would be found in words that are none."""
_NAMED = re.compile(r"[\"']?\$\{\w+\}[\"']?")
"""The name of a variable of the environment, which is no secret; see :mod:`.variables`."""
_KNOWN: set[str] = set()
"""Secrets that a config of this process holds; see :func:`remember`."""
_OPTION = re.compile(rf"--?(?:[A-Za-z0-9]{{1,60}}[-_]){{0,9}}{_NAME}", re.IGNORECASE)
_IN_A_TEXT = (  # every repetition that could be tried from many places is bounded, so that no text takes long
    re.compile(
        r"(?P<kept>(?<![A-Za-z0-9+.-])[A-Za-z][A-Za-z0-9+.-]{0,40}://[^\s/?#:@]{0,256}:)"
        r"(?P<secret>[^\s@]{1,256}(?:@[^\s/?#@]{1,256}){0,4})(?=@)"
    ),
    re.compile(
        rf"(?P<kept>(?:^|[\s;\"'?&{{,])[\w-]{{0,60}}{_NAME}=)(?P<secret>\"[^\"]*\"|'[^']*'|[^\s;&\"']+)", re.IGNORECASE
    ),
    re.compile(rf"(?P<kept>(?:^|\s)--?[\w-]{{0,60}}{_NAME}\s+)(?P<secret>[^\s-]\S*)", re.IGNORECASE),
    re.compile(r"(?P<kept>\bsshpass\s+(?:-[a-oq-z]\S*\s+){0,9}-p\s*)(?P<secret>\S+)"),
    re.compile(r"(?P<kept>\b(?:[Bb]earer|[Aa]uthorization:\s*\w+)\s+)(?P<secret>[^\s\"']+)"),
    re.compile(rf"(?P<kept>[\"'][\w-]{{0,60}}{_NAME}[\"']\s*:\s*)(?P<secret>\"[^\"]*\"|'[^']*')", re.IGNORECASE),
)


def masked_text(text: str) -> str:
    """The text with ``***`` for the password of a URL, and what follows ``--password``, ``TOKEN=``, ``sshpass -p``.

    So is every secret that this process has been told of, wherever it stands. ``${NAME}`` stays as it is.
    """
    for secret in sorted(_KNOWN, key=len, reverse=True):
        if secret in text:
            text = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", MASK, text)
    return _by_place(text)


def remember(secret: str) -> None:
    """Mask a text from here on wherever it stands in what this process writes or prints, as URLs encode it, too."""
    _KNOWN.update(form for form in (secret, unquote(secret), *_passwords_in(secret)) if len(form) >= SHORTEST)


def remember_secrets_in(config: Any) -> None:
    """:func:`remember` every secret of plain values that :func:`masked` would mask."""
    for secret in _secrets_in(config):
        if secret != MASK and not _NAMED.fullmatch(secret):
            remember(secret.strip("\"'"))


def masked_command(words: Sequence[str]) -> list[str]:
    """A command's words, those masked that stand where a secret does, behind an option too."""
    found: list[str] = []
    to_sshpass, follows = False, False
    for word in words:
        if follows:
            found.append(_hidden(word))
        elif to_sshpass and word.startswith("-p") and len(word) > 2:
            found.append(f"-p{_hidden(word[2:])}")
        else:
            found.append(_by_place(word))
        follows = not follows and (bool(_OPTION.fullmatch(word)) or (to_sshpass and word == "-p"))
        to_sshpass = PurePath(word).name == "sshpass" or (
            to_sshpass and (word.startswith("-") or found[-1] == _hidden(word))
        )
    return found


def masked(value: Any) -> Any:
    """Plain values with what stands in a secret's place masked: in texts, in commands, and under a secret's name.

    It depends on nothing but the value, so that what is masked can be compared.
    """
    if isinstance(value, str):
        return _by_place(value)
    if isinstance(value, Mapping):
        return {key: _masked_under(str(key), item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [masked(item) for item in value]
    return value


def _masked_under(key: str, value: Any) -> Any:
    if isinstance(value, str) and _OPTION.fullmatch(f"--{key}"):
        return _hidden(value)
    if key == "command" and isinstance(value, list | tuple):
        return masked_command([str(word) for word in value])
    return masked(value)


def _by_place(text: str) -> str:
    for pattern in _IN_A_TEXT:
        text = pattern.sub(lambda found: found["kept"] + _hidden(found["secret"]), text)
    return text


def _hidden(secret: str) -> str:
    return secret if _NAMED.fullmatch(secret) else MASK


def _secrets_in(value: Any, key: str = "") -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield from _secrets_in(item, str(name))
    elif isinstance(value, list | tuple):
        words = [str(word) for word in value]
        if key == "command":
            for word, shown in zip(words, masked_command(words), strict=True):
                if shown == MASK or shown == f"-p{MASK}":
                    yield word.removeprefix("-p") if shown != MASK else word
        for item in value:
            yield from _secrets_in(item)
    elif isinstance(value, str):
        if key and _OPTION.fullmatch(f"--{key}"):
            yield value
        yield from _passwords_in(value)


def _passwords_in(text: str) -> Iterator[str]:
    for pattern in _IN_A_TEXT:
        for found in pattern.finditer(text):
            yield found["secret"]
