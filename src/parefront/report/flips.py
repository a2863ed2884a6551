"""Images that members of the front answer otherwise, and small pictures of them as far as a page has room for."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator, Mapping
from itertools import zip_longest
from pathlib import Path

from ..evaluators.results.classes.flips import Flip, Flips
from ..search.runs.stores.candidate_store import FINAL, PICTURES
from ..spaces.files import UnreadableFile, read_bytes

PICTURE_BYTES = 16 * 2**10
"""Of one picture at most; those that a run keeps have a quarter of that."""
ROOM = 3 * 2**19
"""Bytes that all pictures of a page take, as text."""
_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def pictures_of(folder: Path, members: Mapping[int, Flips]) -> dict[int, str]:
    """Pictures in base64 by the index of the image: of each member the first, then of each the second, and so on.

    Args:
        folder: of the run.
        members: what each member of the front answers otherwise, by its trial.

    Raises:
        UnreadableFile: for a picture that is none, or too large.
    """
    found: dict[int, str] = {}
    room = ROOM
    for flip in _by_turns(members):
        file = folder / FINAL / PICTURES / f"{flip.index}.png"
        if flip.index in found or not os.path.lexists(file):
            continue
        text = base64.b64encode(_content(file)).decode()
        room -= len(text)
        if room < 0:
            break
        found[flip.index] = text
    return found


def _by_turns(members: Mapping[int, Flips]) -> Iterator[Flip]:
    for one_of_each in zip_longest(*(flips.shown for flips in members.values())):
        yield from (flip for flip in one_of_each if flip is not None)


def _content(file: Path) -> bytes:
    content = read_bytes(file, PICTURE_BYTES)
    if not content.startswith(_SIGNATURE):
        raise UnreadableFile(f"{file}: expected a PNG file; remove it, and the page shows none")
    return content
