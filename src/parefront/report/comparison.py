"""Fronts of several runs side by side: hypervolume in one and the same box, and what each gives within a cost."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..evaluators.results.candidate import Candidate
from ..evaluators.results.fronts.front import Front
from ..evaluators.results.fronts.hypervolume import hypervolume
from ..evaluators.results.measurement import Z_95, Measurement
from ..evaluators.results.metric import Metric
from ..evaluators.results.metrics import useful_losses, value_of, whole_of
from ..search.runs.run import Run
from ..search.runs.run_facts import devices_of
from ..search.runs.run_shown import device_line
from ..spaces.errors import ConfigError
from .grid import Grid
from .scale import Scale

DRAWS = 400
"""Of every front, for the interval of its hypervolume."""
LIMITS = 6
"""About so many limits of the cost."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Attained:
    """The best of a front within a limit.

    Attributes:
        candidate: the member.
        quality: as it was measured, on the test split where all fronts were.
        gain: of its change against the first run's; None of that one, and where their tasks differ.
    """

    candidate: Candidate
    quality: Measurement
    gain: Measurement | None = None

    def to_json(self) -> dict[str, Any]:
        gain = None if self.gain is None else self.gain.to_json()
        return {"trial": self.candidate.trial, "quality": self.quality.to_json(), "gain": gain}


@dataclass(frozen=True)
class Compared:
    """One run among others.

    Attributes:
        name: of the run.
        device: what it was measured on, in words.
        sampler: its name.
        trials: number of them.
        seconds: that the run took.
        front: its front.
        hypervolume: in the box of the comparison.
        gain: of the hypervolume against the first run; None of that one.
        attained: for each limit of the comparison the best within it; None where there is none.
        notes: in what its task differs from the first run's.
    """

    name: str
    device: str
    sampler: str
    trials: int
    seconds: float
    front: Front
    hypervolume: Measurement
    gain: Measurement | None
    attained: tuple[Attained | None, ...]
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {
            "run": self.name,
            "device": self.device,
            "sampler": self.sampler,
            "trials": self.trials,
            "seconds": self.seconds,
            "hypervolume": self.hypervolume.to_json(),
            "gain": None if self.gain is None else self.gain.to_json(),
            "attained": [None if one is None else one.to_json() for one in self.attained],
            "notes": list(self.notes),
            "front": self.front.to_json(),
            "useful": [member.trial for member in self.front.useful],
        }


@dataclass(frozen=True)
class Comparison:
    """Several runs, each beside the first.

    The hypervolume is that of one box for all: from the first run's uncompressed quality at no cost to its cost and
    what is still of use (:meth:`Front.hypervolume`). A latency is a share of the run's own uncompressed model on the
    run's own device. Its interval comes from :data:`DRAWS` fronts whose members are drawn within their intervals,
    independently of each other: it says how sure the front's numbers are, not what another search would have found.

    Attributes:
        runs: the first one is what others are compared with.
        cost: the first objective that is no quality.
        limits: of that cost, each a round number.
        quality: the task's metric.
        key: of the quality that is shown.
        grid: the best of each device and runtime.
    """

    runs: tuple[Compared, ...]
    cost: Metric
    limits: tuple[float, ...]
    quality: Metric
    key: str
    grid: Grid

    @classmethod
    def of(cls, runs: Sequence[Run]) -> Comparison:
        """Compare runs, the first one with each of the others.

        Raises:
            ConfigError: for less than two runs, or objectives that differ or are all qualities or costs.
            ParefrontError: where a run has measured nothing yet.
        """
        if len(runs) < 2:
            raise ConfigError(f"compare: expected two or more runs, got {len(runs)}")
        fronts = [run.front for run in runs]
        first, cost = fronts[0], _cost_of(fronts, runs)
        key = f"test_{first.quality.key}"
        if not all(key in candidate.metrics for front in fronts for candidate in front):
            key = first.quality.key
        known = [member.metrics[cost.key].high for front in fronts for member in front.useful]
        limits = tuple(limit for limit in Scale.of(known, 0, 1).ticks(LIMITS) if limit >= min(known, default=0.0))
        box = _Box(first)
        volumes = [_Volume.of(front, box, index) for index, front in enumerate(fronts)]
        compared: list[Compared] = []
        for run, front, volume in zip(runs, fronts, volumes, strict=True):
            notes = _differences(runs[0], run)
            within = [_best_within(front, cost, limit, key) for limit in limits]
            if compared and not notes:
                pairs = zip(within, compared[0].attained, strict=True)
                within = [_beside(one, other, key) for one, other in pairs]
            compared.append(
                Compared(
                    run.name,
                    "; ".join(map(device_line, devices_of(run.made_with, run.environment).values())),
                    run.made_with.search.sampler,
                    sum(run.counts.values()),
                    run.seconds,
                    front,
                    volume.measured,
                    volume.minus(volumes[0]) if compared else None,
                    tuple(within),
                    notes,
                )
            )
        return cls(tuple(compared), cost, limits, first.quality, key, Grid.of(runs, fronts))

    def to_json(self) -> dict[str, Any]:
        return {
            "cost": self.cost.name,
            "limits": list(self.limits),
            "quality": self.key,
            "runs": [run.to_json() for run in self.runs],
            "grid": self.grid.to_json(),
        }


def _cost_of(fronts: Sequence[Front], runs: Sequence[Run]) -> Metric:
    first = fronts[0]
    for front, run in zip(fronts, runs, strict=True):
        if front.objectives != first.objectives:
            names = [", ".join(metric.name for metric in one.objectives) for one in (first, front)]
            told = f"{names[0]} of {runs[0].name} and {names[1]} of {run.name}"
            raise ConfigError(f"compare: expected runs with the same objectives, got {told}")
    costs = [metric for metric in first.objectives if not metric.is_quality]
    if not costs or len(costs) == len(first.objectives):
        raise ConfigError("compare: expected runs with the task's metric and a cost among their objectives")
    return costs[0]


def _differences(first: Run, other: Run) -> tuple[str, ...]:
    there, here = first.fingerprint, other.fingerprint
    if first is other or there is None or here is None:
        return ()
    return tuple(there.differences(here))


def _best_within(front: Front, cost: Metric, limit: float, key: str) -> Attained | None:
    quality = front.quality
    fitting = [member for member in front.useful if member.metrics[cost.key].high <= limit]
    if not fitting:
        return None
    best = min(fitting, key=lambda member: quality.sign * member.metrics[quality.key].value)
    return Attained(best, best.metrics[key])


def _beside(one: Attained | None, other: Attained | None, key: str) -> Attained | None:
    """With the difference of the two changes, each paired with the uncompressed model on the same images."""
    if one is None or other is None:
        return one
    mine, its = (each.candidate.metrics.get(f"{key}_change", each.quality) for each in (one, other))
    value, half = mine.value - its.value, math.hypot(mine.half_width, its.half_width)
    return Attained(one.candidate, one.quality, Measurement(value, value - half, value + half, mine.n, mine.unit))


class _Box:
    """Objectives, all minimised, from 0 at the ideal to 1 at what is no longer of use."""

    def __init__(self, front: Front) -> None:
        self.objectives, base = front.objectives, front.baseline
        useful = useful_losses(base, self.objectives)
        self._signs = np.array([metric.sign for metric in self.objectives])
        values = np.array([value_of(base, m) if m.is_quality else 0.0 for m in self.objectives])
        self._ideal = self._signs * values
        self._side = np.array(
            [loss or whole_of(base, metric.key) for loss, metric in zip(useful, self.objectives, strict=True)]
        )

    def scaled(self, values: Floats) -> Floats:
        """Of values in their own directions, shape ``(…, objectives)``."""
        scaled: Floats = (self._signs * values - self._ideal) / self._side
        return scaled


@dataclass(frozen=True)
class _Volume:
    """The hypervolume of a front, and of fronts that are drawn within its intervals, less their median."""

    value: float
    deviations: Floats

    @classmethod
    def of(cls, front: Front, box: _Box, seed: int) -> _Volume:
        corner = np.ones(len(box.objectives))
        values = np.array([[value_of(member, metric) for metric in box.objectives] for member in front])
        values = values.reshape(-1, len(corner))
        spread = np.array([[_deviation(member, metric) for metric in box.objectives] for member in front])
        noise = np.random.default_rng(seed).standard_normal((DRAWS, *values.shape))
        drawn = [hypervolume(box.scaled(values + spread.reshape(values.shape) * one), corner) for one in noise]
        return cls(hypervolume(box.scaled(values), corner), np.array(drawn) - np.median(drawn))

    @cached_property
    def measured(self) -> Measurement:
        return self._interval(self.value, self.deviations)

    def minus(self, other: _Volume) -> Measurement:
        return self._interval(self.value - other.value, self.deviations - other.deviations)

    @staticmethod
    def _interval(value: float, deviations: Floats) -> Measurement:
        low, high = np.quantile(deviations, (0.025, 0.975))
        return Measurement.around(value, value + float(low), value + float(high), DRAWS, "share")


def _deviation(member: Candidate, metric: Metric) -> float:
    """The standard deviation of a measurement; of a quality that of its paired change, where there is one."""
    paired = member.metrics.get(f"{metric.key}_change") if metric.is_quality else None
    measured = paired or member.metrics[metric.key]
    return measured.half_width / Z_95
