"""Policies that are being evaluated, kept in the run, so that a process that dies loses none that was asked for."""

from __future__ import annotations

from collections.abc import Container
from pathlib import Path

from ....evaluators.results.fields import Fields
from ....spaces.files import write_json
from ....spaces.policy import Policy

ASKED = "asked"


class AskedStore:
    """``asked/000017.json``: the policy of a trial that is under way; gone once the trial is recorded.

    With one worker none is kept: the sampler suggests the same policy again. With several it depends on what had ended
    by then, and the next session evaluates what this one had asked for.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / ASKED

    def read(self) -> dict[int, Policy]:
        """By the trial's number.

        Raises:
            UnreadableFile: naming the file and the key.
        """
        found = {}
        for file in sorted(self._folder.glob("*.json")) if self._folder.is_dir() else ():
            fields = Fields.read(file)
            number = fields.count("trial")
            if f"{number:06d}" != file.stem:
                raise fields.damaged(f"key 'trial': expected the {file.stem} of the file's name, got {number}")
            found[number] = fields.policy()
        return found

    def read_unrecorded(self, numbers: Container[int], digests: Container[str]) -> dict[int, Policy]:
        """Those that were under way when an earlier session ended; what has been recorded meanwhile is removed.

        Args:
            numbers: of the recorded trials.
            digests: of their policies.
        """
        asked = self.read()
        for number in [n for n, policy in asked.items() if n in numbers or policy.digest in digests]:
            self.remove(number)
            del asked[number]
        return asked

    def add(self, number: int, policy: Policy) -> None:
        """A policy was asked for, and is about to be evaluated."""
        self._folder.mkdir(exist_ok=True)
        write_json(self._file(number), {"trial": number, "digest": policy.digest, "policy": policy.to_dict()})

    def remove(self, number: int) -> None:
        """The trial is recorded, or its number is passed over."""
        self._file(number).unlink(missing_ok=True)

    def _file(self, number: int) -> Path:
        return self._folder / f"{number:06d}.json"
