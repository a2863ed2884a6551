"""``beside/``: networks that a user has named for the front to be looked at beside, by the digests of their files."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from ....evaluators.results.candidate import Candidate
from ....evaluators.results.fields import Fields
from ....spaces.files import write_json
from ..record import candidate_of, candidate_to_json
from ..run_folder import BESIDE
from .final_readings import averaged
from .read_once import ReadOnce

DIGITS = 16
"""Of a file's SHA-256, in the names of what is kept of it."""


@dataclass(frozen=True)
class Given:
    """A network that its user has named.

    Attributes:
        name: what its file is called, without the suffix.
        file: SHA-256 of that file's bytes.
        candidate: what was measured; its artefact is the file as the run's runtime takes it.
        seconds: that this took.
    """

    name: str
    file: str
    candidate: Candidate
    seconds: float

    @classmethod
    def read_twice(cls, name: str, file: str, once: Candidate, again: Candidate, seconds: float) -> Given:
        """Of two readings the mean, as the final step takes it."""
        return cls(name, file, averaged({0: once}, {0: again})[0], seconds)


class BesideStore:
    """The folder; each file is read once, and again where it has changed."""

    def __init__(self, run_folder: Path) -> None:
        self._run, self.folder = run_folder, run_folder / BESIDE
        self._read = ReadOnce(self._in_file)

    def all(self) -> list[Given]:
        """By their names.

        Raises:
            UnreadableFile: where what is kept of one is damaged.
        """
        found = self._read.all_in(sorted(self.folder.glob("*.json")))
        return sorted(found, key=lambda given: (given.name, given.file))

    def of(self, file: str) -> Given | None:
        """What was measured of the file with that SHA-256; None where nothing was."""
        path = self._record(file)
        return self._read.of(path) if os.path.lexists(path) else None

    def artifact(self, file: str) -> Path:
        """Where the file is kept as the run's runtime takes it; its folder is there afterwards."""
        self.folder.mkdir(exist_ok=True)
        return self.folder / f"{file[:DIGITS]}.onnx"

    def write(self, given: Given) -> None:
        """Keep what was measured, in place of what was known of that file."""
        self.folder.mkdir(exist_ok=True)
        told = candidate_to_json(given.candidate, self._run, given.seconds)
        write_json(self._record(given.file), {"name": given.name, "file": given.file, **told})

    def _record(self, file: str) -> Path:
        return self.folder / f"{file[:DIGITS]}.json"

    def _in_file(self, path: Path) -> Given:
        fields = Fields.read(path)
        file = fields.text("file")
        if file[:DIGITS] != path.stem or not file.isalnum():
            raise fields.damaged(f"key 'file': expected a SHA-256 that begins as the file's name, got {file!r:.40}")
        return Given(fields.text("name"), file, candidate_of(fields, self._run), fields.number("seconds"))
