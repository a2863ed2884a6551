"""What error messages share: the nearest known name, the first line of an exception."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

from .masking import masked_text


def did_you_mean(name: str, known: Iterable[str], prefix: str = "") -> str:
    """``"; did you mean 'search'?"`` where a known name is near, else the list of the known ones.

    Args:
        name: what came.
        known: what would have been understood.
        prefix: put before the suggestion, e.g. ``"search."`` for a key inside the section ``search``.
    """
    names = sorted(known)
    name = name[:200]
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    if near:
        return f"; did you mean {prefix + near[0]!r}?"
    return f"; known: {', '.join(names)}" if names else ""


def nearest(name: str, known: Iterable[str], at_most: int = 3) -> str:
    """``"; near it: layer1.0.conv1, layer1.0.conv2"``: some known names, those that are most like ``name`` first."""
    names = list(known)
    near = difflib.get_close_matches(name[:200], names, n=at_most, cutoff=0.4)
    if near:
        return f"; near it: {', '.join(near)}"
    more = ", …" if len(names) > at_most else ""
    return f"; there are: {', '.join(names[:at_most])}{more}" if names else ""


def enumerated(words: Sequence[str]) -> str:
    """``safe``, ``safe and knee``, ``safe, knee and fastest``."""
    return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def first_line(error: BaseException) -> str:
    """The first line of an exception's message that is not blank, secrets masked, or the name of its type."""
    lines = (line.strip() for line in masked_text(str(error)).splitlines())
    return next(filter(None, lines), type(error).__name__)


def one_line(error: BaseException) -> str:
    """``"ValueError: the first line"``."""
    line = first_line(error)
    name = type(error).__name__
    return line if line == name else f"{name}: {line}"


def printable(text: str) -> str:
    """A message as a terminal may show it: no character that would control one, lines of bounded length."""
    lines = (line if len(line) <= LONGEST else f"{line[:LONGEST]}…" for line in text[: 50 * LONGEST].split("\n"))
    return "\n".join(lines).translate(_CONTROLS)


LONGEST = 1000
"""Characters of a line of a message."""
_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160)) if code not in (9, 10)}
_CONTROLS |= {code: f"\\u{code:04x}" for code in (0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))}


def kind(value: object) -> str:
    """The type of a value as messages name it; of a tuple or list also its length."""
    if isinstance(value, tuple | list):
        return f"{type(value).__name__} of {len(value)}"
    return type(value).__name__
