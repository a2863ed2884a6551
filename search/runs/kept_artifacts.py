"""Which artefacts of a run stay on disk: those of the front, and the latest of the others while they fit."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from pathlib import Path

from .run import Run
from .settings import KEPT_BYTES


class KeptArtifacts:
    """The artefacts of recorded candidates, with their sizes.

    Args:
        run: whose setting ``keep_artifacts`` says how much is kept.
        recorded: digests of the policies that have a record, in the order of these.
    """

    def __init__(self, run: Run, recorded: Iterable[str]) -> None:
        self._run = run
        self._room = {"all": math.inf, "auto": KEPT_BYTES, "front": 0.0}[run.settings.keep_artifacts]
        there = {path.stem: path for path in (run.path / "artifacts").glob("*.onnx")}
        self._bytes = {digest: _size(there[digest]) for digest in recorded if digest in there}
        self._total = sum(self._bytes.values())

    def add(self, digest: str) -> None:
        """Count in the artefact of a candidate that is recorded."""
        self._bytes[digest] = _size(self._run.artifact(digest))
        self._total += self._bytes[digest]

    def prune(self, front: Collection[str]) -> None:
        """Delete the oldest artefacts but those of the ``front``'s digests, until the others fit."""
        others = self._total - sum(self._bytes.get(digest, 0) for digest in front)
        if others <= self._room:
            return
        oldest = []
        for digest, size in self._bytes.items():
            if others <= self._room:
                break
            if digest not in front:
                oldest.append(digest)
                others -= size
        for digest in oldest:
            self._run.artifact(digest).unlink(missing_ok=True)
            self._total -= self._bytes.pop(digest)


def _size(artifact: Path) -> int:
    return artifact.stat().st_size if artifact.is_file() else 0
