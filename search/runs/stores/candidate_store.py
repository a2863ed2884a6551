"""``baseline.json`` and ``final/``: candidates on their own, with the seconds that measuring them took."""

from __future__ import annotations

import math
import os
from pathlib import Path

from ....evaluators.results.candidate import Candidate
from ....evaluators.results.fields import Fields
from ....spaces.files import write_bytes, write_json
from ..record import candidate_of, candidate_to_json
from .read_once import ReadOnce

BASELINE = "baseline.json"
FINAL = "final"
PICTURES = "pictures"
"""In the folder of final readings: images of the test split that any member answers otherwise, by their index."""


class CandidateStore:
    """The uncompressed model as it was first measured, and what the final step has read: the uncompressed model and
    the front's members, each once and once more. Each file is read once.
    """

    def __init__(self, run_folder: Path) -> None:
        self._folder = run_folder
        self._read = ReadOnce(self._in_file)

    @property
    def has_baseline(self) -> bool:
        return os.path.lexists(self._folder / BASELINE)

    def baseline(self) -> Candidate:
        """The uncompressed model as it was first measured.

        Raises:
            UnreadableFile: where it is not there, too.
        """
        return self._read.of(self._folder / BASELINE)[0]

    def write_baseline(self, candidate: Candidate, seconds: float) -> None:
        self._write(self._folder / BASELINE, candidate, seconds)

    def final_baseline(self, twice: bool) -> Candidate | None:
        """What the final step has read of the uncompressed model, first or the second time; None before."""
        file = self._file("baseline", twice)
        return self._read.of(file)[0] if os.path.lexists(file) else None

    def write_final_baseline(self, candidate: Candidate, seconds: float, twice: bool) -> None:
        self._write(self._file("baseline", twice), candidate, seconds)

    def final(self, twice: bool) -> dict[int, Candidate]:
        """What the final step has read of the candidates, by trial: first, or the second time."""
        files = sorted((self._folder / FINAL).glob(self._file("[0-9]*", twice).name))
        found = [self._read.of(file)[0] for file in files]
        return {candidate.trial: candidate for candidate in found if candidate.trial is not None}

    def write_final(self, candidate: Candidate, seconds: float, twice: bool) -> None:
        for flip in candidate.flips.shown if candidate.flips is not None else ():
            file = self._folder / FINAL / PICTURES / f"{flip.index}.png"
            if flip.picture and not os.path.lexists(file):
                file.parent.mkdir(exist_ok=True)
                write_bytes(file, flip.picture)
        self._write(self._file(f"{candidate.trial:06d}", twice), candidate, seconds)

    def forget_final(self, trial: int) -> None:
        """Remove what the final step has read of a candidate."""
        for twice in (False, True):
            self._file(f"{trial:06d}", twice).unlink(missing_ok=True)

    def baseline_seconds(self) -> float:
        """That measuring the uncompressed model took first."""
        return self._read.of(self._folder / BASELINE)[1] if self.has_baseline else 0.0

    def final_seconds(self) -> float:
        """That the final step has taken."""
        return math.fsum(self._read.of(file)[1] for file in (self._folder / FINAL).glob("*.json"))

    def _file(self, name: str, twice: bool) -> Path:
        return self._folder / FINAL / f"{'again-' if twice else ''}{name}.json"

    def _write(self, path: Path, candidate: Candidate, seconds: float) -> None:
        write_json(path, candidate_to_json(candidate, self._folder, seconds))

    def _in_file(self, path: Path) -> tuple[Candidate, float]:
        fields = Fields.read(path)
        return candidate_of(fields, self._folder), fields.number("seconds")
