"""How a search went: the hypervolume trial by trial, and where the time was spent."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ..evaluators.results.fronts.front import Front
from ..search.runs.record import TrialRecord
from ..search.runs.run import Run

TOTAL = "total"
OTHER = "other"


@dataclass(frozen=True)
class Step:
    """The front after a trial.

    Attributes:
        trial: its number.
        seconds: that the search had taken by then, without what came before its first trial.
        hypervolume: of all candidates so far, as :meth:`Front.hypervolume` has it.
    """

    trial: int
    seconds: float
    hypervolume: float

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def steps_of(trials: Sequence[TrialRecord], empty: Front) -> tuple[Step, ...]:
    """A step for every trial, in their order; of what the search measured, before anything was trained or read again.

    Args:
        trials: of the run.
        empty: a front without members: objectives, budgets and the uncompressed model.
    """
    front, volume, seconds, found = empty, 0.0, 0.0, []
    for record in trials:
        seconds += record.took
        if record.candidate is not None and (grown := front.adding(record.candidate)) is not front:
            front, volume = grown, grown.hypervolume()
        found.append(Step(record.number, round(seconds, 3), volume))
    return tuple(found)


def time_spent(run: Run) -> dict[str, float]:
    """Seconds of wall-clock time by what they went into; they sum to :attr:`Run.seconds`.

    Trials are split by their steps (``apply``, ``emit``, ``accuracy``, ``latency``, …) as far as these are known.
    """
    trials = [record for record in run.trials if not record.controller]
    took = math.fsum(record.took for record in trials)
    steps: dict[str, float] = {}
    for record in trials:
        for step, seconds in {} if record.candidate is None else record.candidate.timings.items():
            if step != TOTAL:
                steps[step] = steps.get(step, 0.0) + seconds
    known = math.fsum(steps.values())
    scale = min(1.0, took / known) if known else 1.0  # of several workers the steps are longer than the search
    spent = {step: scale * seconds for step, seconds in steps.items()}
    recovery = run.recovered.seconds
    spent[OTHER] = max(0.0, took - scale * known)
    spent["before the first trial"] = max(0.0, run.search_seconds - took)
    spent["recovery"] = recovery
    spent["final step"] = max(0.0, run.seconds - run.search_seconds - recovery)
    return {step: round(seconds, 3) for step, seconds in spent.items() if round(seconds, 3) > 0}
