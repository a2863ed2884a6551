"""The runs of a folder in short: how far each has come, its best candidate, when and how large."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from ...evaluators.results.candidate import Candidate
from ...evaluators.results.errors import NoCandidate
from ...evaluators.results.fields import Fields
from ...evaluators.results.fronts.front import Front
from ...evaluators.results.metric import ACCURACY, Metric
from ...spaces.errors import ConfigError, ParefrontError
from ...spaces.messages import first_line
from .record import Outcome
from .run import Run
from .run_folder import RUNS, is_locked

WRITTEN = ("front.json", "trials", "final", "log.txt", "config.yaml")
"""What of a run changes when something is recorded."""


class State(StrEnum):
    """How far a run has come; ``DAMAGED`` is one that cannot be read."""

    RUNNING = "running"
    FINISHED = "finished"
    INTERRUPTED = "interrupted"
    DAMAGED = "damaged"


@dataclass(frozen=True)
class RunSummary:
    """A run in short.

    Attributes:
        name: of its folder.
        path: of its folder.
        state: how far it has come.
        trials: number of trials by outcome; empty where it is damaged.
        wanted: trials to reach.
        best: of the front within the run's budgets; None where there is none yet, or none is within.
        budgets: as they were written.
        quality: the task's own metric.
        changed: when something was last recorded.
        size_bytes: of all its files.
        problem: why it cannot be read.
    """

    name: str
    path: Path
    state: State
    changed: datetime
    size_bytes: int
    trials: Mapping[str, int] = field(default_factory=dict)
    wanted: int = 0
    best: Candidate | None = None
    budgets: tuple[str, ...] = ()
    quality: Metric = ACCURACY
    problem: str = ""

    @property
    def done(self) -> int:
        """Trials that are recorded, however they ended."""
        return sum(self.trials.values())

    def to_json(self) -> dict[str, Any]:
        """The summary as plain values; the date in UTC."""
        best = None
        if self.best is not None:
            measured = {key: measurement.to_json() for key, measurement in self.best.metrics.items()}
            best = {"trial": self.best.trial, "digest": self.best.policy.digest, "metrics": measured}
        return {
            "run": self.name,
            "path": str(self.path),
            "state": self.state.value,
            "trials": dict(self.trials),
            "wanted": self.wanted,
            "budget": list(self.budgets),
            "best": best,
            "date": self.changed.astimezone(UTC).isoformat(timespec="seconds"),
            "size_bytes": self.size_bytes,
            "problem": self.problem or None,
        }


def list_runs(root: str | Path = RUNS) -> list[RunSummary]:
    """The runs of a folder, the one that was written to last first; one that cannot be read says why.

    Raises:
        ConfigError: where ``root`` is there and is no folder.
    """
    folder = Path(root)
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"{folder}: expected the folder of the runs, got a file")
    found = [summary_of(config.parent) for config in folder.glob("*/config.yaml")]
    return sorted(found, key=lambda summary: (summary.changed, summary.name), reverse=True)


def summary_of(path: Path) -> RunSummary:
    """The run in a folder, in short."""
    changed, size_bytes = _changed(path), sum(_sizes(path))
    try:
        run = Run.open(path.absolute(), path.parent)
        state = State.RUNNING if is_locked(path) else State.FINISHED if run.finished else State.INTERRUPTED
        settings = run.settings
        return RunSummary(
            run.name,
            run.path,
            state,
            changed,
            size_bytes,
            _counts(run),
            settings.trials,
            _best(run),
            tuple(map(str, settings.budgets)),
            settings.quality,
        )
    except (ParefrontError, OSError) as error:
        return RunSummary(path.name, path.resolve(), State.DAMAGED, changed, size_bytes, problem=first_line(error))


def _counts(run: Run) -> dict[str, int]:
    """Trials by outcome; of a finished run as its front says it, which is one file instead of all."""
    if run.finished:
        counted = Fields.read(run.path / "front.json").fields("trials")
        return {outcome.value: counted.count(outcome.value) for outcome in Outcome}
    return run.counts


def _best(run: Run) -> Candidate | None:
    """Of what was measured so far."""
    if not run.has_baseline:
        return None
    front: Front = run.front
    try:
        return front.select()
    except NoCandidate:
        return None


def _changed(path: Path) -> datetime:
    latest = -math.inf
    for name in WRITTEN:
        with suppress(OSError):
            latest = max(latest, (path / name).lstat().st_mtime)
    return datetime.fromtimestamp(max(0.0, latest)).astimezone()


def _sizes(path: Path) -> Iterator[int]:
    """Bytes of the files below a folder; links are not followed, and what vanishes meanwhile is nothing."""
    for folder, _, names in os.walk(path):
        for name in names:
            with suppress(OSError):
                yield os.lstat(os.path.join(folder, name)).st_size
