"""What the numbers of a run rest on: versions, noise, notes, the config, and the command that repeats it."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ..evaluators.results.candidate import Candidate
from ..evaluators.results.measurement import Measurement
from ..search.runs.config_file import config_text
from ..search.runs.run import Run
from ..spaces.files import read_bytes
from ..spaces.masking import masked, masked_text
from ..spaces.messages import enumerated

LOG = "log.txt"
MOST_NAMED = 12
"""Trials of which something is told, by their numbers."""
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
        noisy: how many candidates have a noisy measurement, by what was amiss, and which.
        notes: how many candidates a note was made of, by the note up to its colon, and which.
        splits: how many samples of each split there are, how many were scored, and what they are told apart by.
        config: as YAML; secrets are masked.
        repeat: the command that runs the search again under another name; ``""`` where its task was given in Python.
        log: its last lines.
    """

    versions: dict[str, str]
    machine: dict[str, Any]
    seed: int
    reading_of_itself: dict[str, Measurement]
    noisy: dict[str, str]
    notes: dict[str, str]
    splits: dict[str, str]
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
            _which((why, candidate) for candidate in shown for why in _why_noisy(candidate)),
            _which((masked_text(note.partition(":")[0]), each) for each in shown for note in each.notes),
            _splits(run),
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


def _which(told: Iterable[tuple[str, Candidate]]) -> dict[str, str]:
    """By what is told of candidates how many they are, and which: ``2 (trials 3 and 17)``."""
    found: dict[str, list[Candidate]] = {}
    for what, candidate in told:
        found.setdefault(what, []).append(candidate)
    return {what: f"{len(of)} ({_named(of)})" for what, of in found.items()}


def _named(candidates: Sequence[Candidate]) -> str:
    trials = sorted(candidate.trial for candidate in candidates if candidate.trial is not None)
    listed = [str(trial) for trial in trials[:MOST_NAMED]]
    if len(trials) > MOST_NAMED:
        listed.append(f"{len(trials) - MOST_NAMED} more")
    base = "the uncompressed model" if len(trials) < len(candidates) else ""
    words = f"trial{'s' if len(trials) > 1 else ''} {enumerated(listed)}" if trials else ""
    return " and ".join(filter(None, (base, words)))


def _splits(run: Run) -> dict[str, str]:
    """``2000 of 5000 samples scored, SHA-256 1d5befc6116bcf76``; of what no candidate was scored on its size alone."""
    task, metrics, key = run.fingerprint, run.baseline.metrics, run.settings.quality.key
    scored = {"search": metrics.get(key), "test": metrics.get(f"test_{key}")}
    found = {}
    for name, split in {} if task is None else task.splits.items():
        measured = scored.get(name)
        many = f"{measured.n} of {split.of} samples scored" if measured is not None else f"{split.of} samples"
        of_some = f" of {split.samples} samples" if split.samples < split.of else ""
        found[name] = f"{many}, SHA-256{of_some} {split.sha256[:16] or 'not kept'}"
    return found


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
