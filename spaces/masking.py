"""Hides what only its owner may read: passwords and tokens in commands, URLs and settings, before they are written."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

MASK = "***"
"""Stands for each secret. What is compared is masked on both sides, so that any secret equals any other."""

_NAME = r"(?:pass(?:word|wd|phrase)?|pwd|token|secret|(?:api|access|secret|private|auth)[-_]?key|credentials?)"
_OPTION = re.compile(rf"--?(?:[A-Za-z0-9]+[-_])*{_NAME}", re.IGNORECASE)
_IN_A_TEXT = (
    re.compile(r"(?P<kept>[A-Za-z][A-Za-z0-9+.-]*://[^\s/?#:@]*:)(?P<secret>[^\s/?#@]+(?:@[^\s/?#@]+)*)(?=@)"),
    re.compile(
        rf"(?P<kept>(?:^|[\s;\"'?&{{,])[\w-]*{_NAME}=)(?P<secret>\"[^\"]*\"|'[^']*'|[^\s;&\"']+)", re.IGNORECASE
    ),
    re.compile(rf"(?P<kept>(?:^|\s)--?[\w-]*{_NAME}\s+)(?P<secret>[^\s-]\S*)", re.IGNORECASE),
    re.compile(r"(?P<kept>\bsshpass\s+(?:-[a-oq-z]\S*\s+)*-p\s*)(?P<secret>\S+)"),
    re.compile(r"(?P<kept>\b[Bb]earer\s+)(?P<secret>\S+)"),
)


def masked_text(text: str) -> str:
    """The text with ``***`` for the password of a URL, and what follows ``--password``, ``TOKEN=``, ``sshpass -p``."""
    for pattern in _IN_A_TEXT:
        text = pattern.sub(rf"\g<kept>{MASK}", text)
    return text


def masked_command(words: Sequence[str]) -> list[str]:
    """As :func:`masked_text` of a command's words, where an option and its value are two of them."""
    found: list[str] = []
    to_sshpass, follows = False, False
    for word in words:
        if follows:
            found.append(MASK)
        elif to_sshpass and word.startswith("-p") and len(word) > 2:
            found.append(f"-p{MASK}")
        else:
            found.append(masked_text(word))
        follows = not follows and (bool(_OPTION.fullmatch(word)) or (to_sshpass and word == "-p"))
        to_sshpass = PurePath(word).name == "sshpass" or (to_sshpass and (word.startswith("-") or found[-1] == MASK))
    return found


def masked(value: Any) -> Any:
    """Plain values with every secret in them masked: texts, commands, and what stands under a secret's name."""
    if isinstance(value, str):
        return masked_text(value)
    if isinstance(value, Mapping):
        return {key: _masked_under(str(key), item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [masked(item) for item in value]
    return value


def _masked_under(key: str, value: Any) -> Any:
    if isinstance(value, str) and _OPTION.fullmatch(f"--{key}"):
        return MASK
    if key == "command" and isinstance(value, list | tuple):
        return masked_command([str(word) for word in value])
    return masked(value)
