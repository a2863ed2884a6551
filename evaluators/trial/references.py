"""The files that candidates are timed against and compared with: made anew where they were touched meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ...spaces.files import sha256_of, stamp_of
from ..results.candidate import Candidate
from .builder import Builder

Stamp = tuple[int, int, int, int]


class References:
    """Remembers what reference files were like when they were made.

    Args:
        builder: makes them anew: equal policies give equal bytes.
        on_phase: told which one is made anew.
    """

    def __init__(self, builder: Builder, on_phase: Callable[[str], None]) -> None:
        self._builder, self._on_phase = builder, on_phase
        self._known: dict[Path, tuple[Candidate, Stamp]] = {}

    def clear(self) -> None:
        self._known.clear()

    def add(self, made: Candidate) -> None:
        """Remember the artefact of a candidate."""
        assert made.artifact is not None
        self._known[made.artifact] = made, stamp_of(made.artifact)

    def make_sure(self) -> None:
        """Make what was touched or removed since it was made anew."""
        for path, (made, stamp) in list(self._known.items()):
            if path.is_file() and stamp_of(path) == stamp:
                continue
            if not path.is_file() or sha256_of(path) != made.sha256:
                self._on_phase(f"making {path.name} anew: the file there is another one")
                self._builder.emit_again(made.policy, path)
            self.add(made)
