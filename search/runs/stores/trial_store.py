"""``trials/000017.json``: the records of trials that have ended, however they did."""

from __future__ import annotations

import os
import re
from functools import partial
from pathlib import Path

from ....spaces.files import write_json
from ..record import Outcome, TrialRecord
from .read_once import ReadOnce

TRIALS = "trials"
_NAME = re.compile(r"[0-9].*\.json")


class TrialStore:
    """The trials' records in a run's folder. Each file is read once, or not at all where this process has written it;
    what another process writes meanwhile is found at the next look.
    """

    def __init__(self, run_folder: Path) -> None:
        self._run_folder = run_folder
        self._folder = run_folder / TRIALS
        self._read = ReadOnce(partial(TrialRecord.read, folder=run_folder))

    def files(self) -> list[Path]:
        """By number."""
        try:
            names = sorted(name for name in os.listdir(self._folder) if _NAME.fullmatch(name))
        except (FileNotFoundError, NotADirectoryError):
            return []
        return [self._folder / name for name in names]

    def records(self) -> list[TrialRecord]:
        """All of them, by number.

        Raises:
            UnreadableFile: naming the file, the key and what came.
        """
        return self._read.all_in(self.files())

    def add(self, record: TrialRecord) -> None:
        """Write a record."""
        path = self._folder / f"{record.number:06d}.json"
        write_json(path, record.to_json(self._run_folder))
        self._read.keep(path, record.rounded)

    def counts(self) -> dict[Outcome, int]:
        """Number of trials by outcome."""
        counts = dict.fromkeys(Outcome, 0)
        for record in self.records():
            counts[record.outcome] += 1
        return counts
