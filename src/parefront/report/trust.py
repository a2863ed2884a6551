"""What the numbers of a run rest on: versions, noise, notes, the config, and the command that repeats it."""

from __future__ import annotations

import os
import shlex
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from ..evaluators.results.candidate import Candidate
from ..evaluators.results.measurement import Measurement
from ..search.runs.config_file import config_text
from ..search.runs.run import Run
from ..spaces.files import read_bytes
from ..spaces.masking import masked, masked_text

LOG = "log.txt"
LINES = 200
"""Of the log, from its end."""
GIVEN_IN_PYTHON = "given in Python"
"""What stands in the config where the task is no file: then no command repeats the run."""


@dataclass(frozen=True)
class Trust:
    """What a reader can check.

    Attributes:
        versions: of Python and of the packages that compute, by name.
        machine: CPU, flags, cores and the like of each device that was measured on.
        seed: of the sampler.
        reading_of_itself: the uncompressed model against itself, interleaved: 1 within the noise.
        noisy: how many candidates have a noisy measurement, by what was amiss.
        notes: how many candidates a note was made of, by the note up to its colon.
        config: as YAML; secrets are masked.
        repeat: the command that runs the search again under another name; ``""`` where its task was given in Python.
        log: its last lines.
    """

    versions: dict[str, str]
    machine: dict[str, Any]
    seed: int
    reading_of_itself: dict[str, Measurement]
    noisy: dict[str, int]
    notes: dict[str, int]
    config: str
    repeat: str
    log: tuple[str, ...]

    @classmethod
    def of(cls, run: Run, candidates: Iterable[Candidate]) -> Trust:
        """What a run tells of itself."""
        shown, told = list(candidates), masked(run.environment)
        versions = {str(name): str(version) for name, version in _mapping(told.get("versions")).items()}
        machine = _mapping(told.get("devices")) or {"": told.get("device")}
        itself = {k: m for k, m in run.baseline.metrics.items() if k.partition("@")[0] == "latency_ratio"}
        search = run.made_with.search
        return cls(
            versions,
            {name: _mapping(profile) for name, profile in machine.items()},
            search.seed,
            itself,
            dict(Counter(why for candidate in shown for why in _why_noisy(candidate))),
            dict(Counter(masked_text(note.partition(":")[0]) for candidate in shown for note in candidate.notes)),
            config_text(masked(run.config)),
            _repeat(run),
            _log(run),
        )

    def to_json(self) -> dict[str, Any]:
        itself = {key: measured.to_json() for key, measured in self.reading_of_itself.items()}
        return {**asdict(self), "reading_of_itself": itself, "log": list(self.log)}


def _why_noisy(candidate: Candidate) -> set[str]:
    noisy = [m for m in candidate.metrics.values() if m.noisy]
    return {why for measured in noisy for why in (measured.why_noisy or ("for a reason that was not kept",))}


def _repeat(run: Run) -> str:
    if run.made_with.task == GIVEN_IN_PYTHON or not run.made_with.task:
        return ""
    config = os.path.relpath(run.path / "config.yaml")
    return shlex.join(["parefront", "search", config, "--run", f"{run.name}-again"])


def _log(run: Run) -> tuple[str, ...]:
    file = run.path / LOG
    if not os.path.lexists(file):
        return ()
    lines = read_bytes(file).decode(errors="replace").splitlines()
    return tuple(masked_text(line) for line in lines[-LINES:])


def _mapping(value: Any) -> dict[str, Any]:
    return dict(value) if isinstance(value, dict) else {}
