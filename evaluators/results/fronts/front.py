"""The Pareto front: the candidates that no other one beats in every objective, and how to choose among them."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ....spaces.errors import ConfigError
from ....spaces.files import write_text
from ....spaces.runtime_knob import runtime_in
from ..budget import Budget, all_met
from ..candidate import Candidate
from ..errors import NoCandidate
from ..metric import ACCURACY, Metric
from ..metrics import Named, costs_of, metric_of, useful_losses, value_of
from ..reciprocals import with_reciprocals
from ..views.dataframe import front_dataframe
from ..views.figure import front_figure
from ..views.front_csv import front_csv
from ..views.policy_words import candidate_in_words, counted
from ..views.rows import front_rows, html_table
from .floor import Floor
from .hypervolume import hypervolume
from .non_dominated import non_dominated

if TYPE_CHECKING:
    from pandas import DataFrame
    from plotly.graph_objects import Figure


@dataclass(frozen=True, repr=False)
class Front:
    """The non-dominated candidates, best first in the first objective.

    Domination is judged on the measured values; each keeps its interval, for readers to see what is noise. Where the
    run has budgets, candidates that are non-dominated *among those that meet them* are members too: with a budget on a
    metric that is no objective, a dominated candidate may be the best that fits. Candidates beyond the budgets stay:
    they show what the budget costs. Membership goes by the search split; :meth:`select` asks the test split, too.

    Attributes:
        candidates: the members.
        objectives: the metrics.
        baseline: the uncompressed model; not a member.
        budgets: those of the run; what :meth:`select` uses where it is given none.
        folder: the run's folder, that paths of artefacts in the JSON are relative to.
        quality: the task's own metric, which ``accuracy`` and ``quality`` mean, too.
        shown: reciprocals of the latency (``fps``) that were named as objectives, for tables to show.
        chance: what guessing gives of the quality, where that is known.
        runtimes: those that are searched, by their names in policies, the first one first; nothing where there is one.
    """

    candidates: tuple[Candidate, ...]
    objectives: tuple[Metric, ...]
    baseline: Candidate
    budgets: tuple[Budget, ...] = ()
    folder: Path | None = None
    quality: Metric = ACCURACY
    shown: tuple[Metric, ...] = ()
    chance: float = 0.0
    runtimes: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        candidates: Iterable[Candidate],
        objectives: Sequence[Named],
        baseline: Candidate,
        budgets: Sequence[Budget] = (),
        folder: Path | None = None,
        quality: Metric = ACCURACY,
        chance: float = 0.0,
    ) -> Front:
        """Keep the non-dominated ones; of candidates equal in every objective, the first."""
        given, named = list(candidates), [metric_of(name, quality) for name in objectives]
        metrics, shown = tuple(m.searched for m in named), tuple(m for m in named if m.reciprocal_of)
        costs = _costs(given, metrics)
        members = list(np.flatnonzero(non_dominated(costs)))
        if budgets:
            fitting = np.array(
                [i for i, c in enumerate(given) if all_met(budgets, c, baseline, tested=False)], dtype=int
            )
            members += sorted(set(fitting[non_dominated(costs[fitting])]) - set(members))
        members.sort(key=lambda index: tuple(costs[index]))
        chosen = tuple(given[index] for index in members)
        return cls(chosen, metrics, baseline, tuple(budgets), folder, quality, shown, chance)

    def adding(self, candidate: Candidate) -> Front:
        """The front of what this one was made of and one more candidate, as :meth:`of` gives it for all of them.

        It compares with the members alone, so that it does not matter how many candidates there have been.

        Returns:
            Itself where the candidate is no member.
        """
        cost = costs_of(candidate, self.objectives)
        fits = all_met(self.budgets, candidate, self.baseline, tested=False)
        no_worse = (self._costs <= cost).all(axis=1)
        if no_worse.any() and not (fits and not (no_worse & self._fits).any()):
            return self
        beaten = (self._costs >= cost).all(axis=1) & (self._costs > cost).any(axis=1)
        kept = np.flatnonzero(~beaten | (self._fits & (not fits)))
        at = bisect.bisect_right([tuple(row) for row in self._costs[kept]], cost)
        members = [self.candidates[index] for index in kept]
        front = replace(self, candidates=(*members[:at], candidate, *members[at:]))
        vars(front)["_costs"] = np.insert(self._costs[kept], at, cost, axis=0)
        vars(front)["_fits"] = np.insert(self._fits[kept], at, fits)
        return front

    @cached_property
    def _costs(self) -> NDArray[np.float64]:
        """Objective values of the members, shape ``(members, objectives)``, all minimised."""
        return _costs(self.candidates, self.objectives)

    @cached_property
    def _fits(self) -> NDArray[np.bool_]:
        """Which members meet all budgets on the search split, shape ``(members,)``."""
        return np.array([all_met(self.budgets, c, self.baseline, tested=False) for c in self.candidates], dtype=bool)

    def __len__(self) -> int:
        return len(self.candidates)

    def __iter__(self) -> Iterator[Candidate]:
        return iter(self.candidates)

    def __getitem__(self, index: int) -> Candidate:
        return self.candidates[index]

    def select(self, *where: str | Budget, by: str | None = None, tested: bool = True) -> Candidate:
        """The best candidate within budgets; where none of them bounds the quality, one above the :attr:`floor`.

        Args:
            where: budgets, or their text; without any, those of the run.
            by: the metric to be best in; by default the first objective that no budget bounds, or the first one where
                all are bounded: the fastest within ``accuracy >= 94%``, the most accurate within ``latency <= 0.5x``.
                Ties are broken by the objectives in their order.
            tested: whether bounds of the quality have to hold on the test split, too, where that was scored.

        Raises:
            ConfigError: for a budget that does not parse, or a metric that was not measured.
            NoCandidate: where none meets them, with the nearest ones and what binds.
        """
        budgets = tuple(map(self.budget, where)) or self.budgets
        best_in = self._free_objective(budgets) if by is None else metric_of(by, self.quality)
        fitting = [c for c in self.candidates if all_met(budgets, c, self.baseline, tested)]
        if not fitting:
            raise self._none_meets(budgets)
        useful = fitting
        if not any(budget.metric.is_quality for budget in budgets):
            useful = [c for c in fitting if self.is_useful(c, tested)] or fitting
        return min(useful, key=lambda c: costs_of(c, [best_in, *self.objectives]))

    @cached_property
    def floor(self) -> Floor | None:
        """Below which a candidate is of no use; None where a budget of the run says so, or nothing was measured."""
        measured = self.baseline.metrics.get(self.quality.key)
        if measured is None or any(budget.metric.is_quality for budget in self.budgets):
            return None
        return Floor.of(self.quality, measured.value, self.chance)

    def is_useful(self, candidate: Candidate, tested: bool = True) -> bool:
        """Whether a candidate is above the floor, or meets the budgets on the quality where the run has any.

        ``tested`` is as for :meth:`select`.
        """
        if self.floor is not None:
            return self.floor.violation(candidate) <= 0
        return all(budget.met(candidate, self.baseline, tested) for budget in self.budgets if budget.metric.is_quality)

    @property
    def useful(self) -> tuple[Candidate, ...]:
        """The members within the run's budgets and above the floor; else those above it; else all."""
        above = tuple(member for member in self if self.is_useful(member))
        fits = tuple(c for c in above if all_met(self.budgets, c, self.baseline))
        return fits or above or self.candidates

    def within(self, *where: str | Budget) -> Front:
        """The front of the members that meet every budget in ``where``; itself where there is none.

        Raises:
            ConfigError: as :meth:`select`.
            NoCandidate: where none does, with the nearest ones.
        """
        if not where:
            return self
        budgets = tuple(map(self.budget, where))
        self.select(*budgets)
        met = tuple(c for c in self if all_met(budgets, c, self.baseline))
        return replace(self, candidates=met, budgets=budgets)

    def _free_objective(self, budgets: tuple[Budget, ...]) -> Metric:
        bounded = {budget.metric.key for budget in budgets}
        return next((metric for metric in self.objectives if metric.key not in bounded), self.objectives[0])

    def budget(self, where: str | Budget) -> Budget:
        """A budget, or its text, as it is to be understood here: ``accuracy`` means the task's own metric.

        Raises:
            ConfigError: where it does not parse.
        """
        return Budget.parse(str(where), self.quality)

    def knee(self) -> Candidate:
        """The candidate farthest from the chord between the front's extremes, where more of one costs most of another.

        Objectives are scaled to [0, 1] over the front; with more than two of them the chord is the plane through
        their unit points.

        Raises:
            NoCandidate: where the front is empty.
        """
        if not self.candidates:
            raise NoCandidate("the front is empty: it has no knee")
        costs = self._costs
        span = np.ptp(costs, axis=0)
        scaled = (costs - costs.min(axis=0)) / np.where(span > 0, span, 1.0)
        return self.candidates[int(np.argmin(scaled.sum(axis=1)))]

    def hypervolume(self, reference: Sequence[float] | None = None) -> float:
        """The dominated share of the box between reference and ideal, higher is better.

        The ideal is the uncompressed model's quality at no cost at all. Each objective is divided by the box's side,
        so the number has no unit, does not depend on the network's size, and lies in [0, 1] (above it only where
        compression gains quality).

        Args:
            reference: a value for every objective, in its own unit and direction. By default the uncompressed model's
                cost, and its accuracy less ten points (of another quality, less :meth:`Metric.useful_loss`): what is no
                cheaper, or worse than that, adds nothing.

        Raises:
            ConfigError: where the reference does not have one value for every objective, each worse than the ideal.
        """
        signs = np.array([metric.sign for metric in self.objectives])
        base = np.array([value_of(self.baseline, metric) for metric in self.objectives])
        useful = useful_losses(self.baseline, self.objectives)
        ideal = np.where([loss is None for loss in useful], 0.0, base)
        worst = base + signs * [loss or 0.0 for loss in useful]
        corner = worst if reference is None else np.asarray(reference, float)
        if corner.shape != ideal.shape or not (signs * (corner - ideal) > 0).all():
            sides = zip(self.objectives, np.where(signs < 0, "<", ">"), ideal, strict=True)
            wanted = ", ".join(f"{metric.name} {side} {value:g}" for metric, side, value in sides)
            raise ConfigError(f"hypervolume: expected a reference with {wanted}; got {reference}")
        costs = self._costs - signs * ideal
        return hypervolume(costs / (signs * (corner - ideal)), np.ones(len(ideal)))

    def runtime_of(self, candidate: Candidate) -> str:
        """The one of :attr:`runtimes` that a candidate runs in; ``""`` where it is not searched."""
        return runtime_in(candidate.policy) or next(iter(self.runtimes), "")

    def to_dicts(self) -> list[dict[str, Any]]:
        """The members as in the JSON of ``parefront front --json``."""
        return [
            {
                "trial": candidate.trial,
                "digest": candidate.policy.digest,
                "artifact": self._relative(candidate.artifact),
                "policy": candidate.policy.to_dict(),
                "done": candidate_in_words(candidate),
                "metrics": {key: m.to_json() for key, m in with_reciprocals(candidate.metrics).items()},
                **({"units": list(candidate.units)} if candidate.units else {}),
                **({"runtime": self.runtime_of(candidate)} if self.runtimes else {}),
            }
            for candidate in self.candidates
        ]

    def to_json(self) -> dict[str, Any]:
        """Objectives, budget, the task's metric, baseline and candidates; :meth:`Run.to_json` adds what a run knows."""
        baseline = {key: measurement.to_json() for key, measurement in with_reciprocals(self.baseline.metrics).items()}
        return {
            "objectives": [metric.name for metric in self.objectives],
            "budget": [budget.text for budget in self.budgets],
            "metric": self.quality.to_json(),
            "baseline": baseline,
            "candidates": self.to_dicts(),
        }

    def to_csv(self, path: str | Path) -> Path:
        """The uncompressed model, then a row a member: trial, digest, artefact, what was done, and every metric."""
        runs_in = self.runtime_of if self.runtimes else None
        write_text(Path(path), front_csv(self.baseline, self.candidates, self._relative, runs_in))
        return Path(path)

    def to_dataframe(self) -> DataFrame:
        """A pandas DataFrame: the uncompressed model, then a row a member, by trial; see the extra ``notebook``."""
        return front_dataframe(self.baseline, self.candidates)

    def plot(self) -> Figure:
        """A plotly figure of the first two objectives; see the extra ``notebook``."""
        return front_figure(self.baseline, self.candidates, self.objectives)

    @property
    def best(self) -> Candidate:
        """What :meth:`select` gives: the best within the run's budgets.

        Raises:
            NoCandidate: where none meets them.
        """
        return self.select()

    def __repr__(self) -> str:
        names = ", ".join(metric.name for metric in self.objectives)
        trials = ", ".join(str(candidate.trial) for candidate in self.candidates[:8])
        more = ", …" if len(self) > 8 else ""
        return f"<Front of {counted(len(self), 'candidate')} in {names}: trials {trials or 'none'}{more}>"

    def _repr_html_(self) -> str:
        return html_table(*front_rows(self.baseline, self.candidates, self.objectives, self.quality))

    def _relative(self, artifact: Path | None) -> str | None:
        if artifact is None or self.folder is None:
            return None if artifact is None else str(artifact)
        return artifact.relative_to(self.folder).as_posix() if artifact.is_relative_to(self.folder) else str(artifact)

    def _none_meets(self, budgets: tuple[Budget, ...]) -> NoCandidate:
        wanted = " and ".join(map(str, budgets))
        if not self.candidates:
            return NoCandidate(f"the front is empty: no candidate for {wanted or 'any budget'}")
        binding = tuple(str(b) for b in budgets if not any(b.met(c, self.baseline) for c in self.candidates))
        why = f"{' and '.join(binding)} is met by none" if binding else "each alone is met, not together"
        missed = {id(c): sum(max(0.0, b.violation(c, self.baseline)) for b in budgets) for c in self.candidates}
        nearest = tuple(sorted(self.candidates, key=lambda c: missed[id(c)])[:3])
        lines = [f"  {c.label}: " + ", ".join(b.describe(c, self.baseline) for b in budgets) for c in nearest]
        message = f"none of {len(self.candidates)} candidates meets {wanted} ({why}); the nearest:"
        return NoCandidate("\n".join([message, *lines]), nearest, binding)


def _costs(candidates: Sequence[Candidate], objectives: Sequence[Metric]) -> NDArray[np.float64]:
    """Objective values of shape ``(candidates, objectives)``, all minimised."""
    rows = [costs_of(candidate, objectives) for candidate in candidates]
    return np.array(rows, dtype=float).reshape(len(candidates), len(objectives))
