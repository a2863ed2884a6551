"""How a candidate stands against the front while little is known of it: beyond a budget, dominated, or still open."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist

from ...spaces.errors import Infeasible
from ...spaces.policy import Policy
from ..results.budget import all_met
from ..results.candidate import Candidate
from ..results.fronts.front import Front
from ..results.measurement import Z_95, Measurement
from ..results.metric import Kind, is_timed

CONFIDENCE = 0.99
"""That what is called dominated is: all bounds that this rests on hold together at least this often."""
FEWEST = 6
"""Samples below which the interval of a median is Student's or none, and tells nothing of its tails."""
Known = Mapping[str, Measurement]
"""Measurements by key, as in ``Candidate.metrics``."""


@dataclass(frozen=True)
class Standing:
    """Judges whether a member of the front is ahead of a candidate by more than both of their errors.

    A lead is sure where it exceeds both intervals, added in quadrature and stretched from 95 % to a one-sided level at
    which all leads hold together in 99 % (Bonferroni: one at every look at accuracy, one in latency). That takes the
    two errors for independent; those of accuracy share their images and are positively correlated, which makes the
    difference smaller. Accuracy is compared by the paired change against the uncompressed model, where both have it.

    Attributes:
        front: the candidates to be dominated by, with objectives, budgets and the uncompressed model.
        looks: how often accuracy is looked at, at most.
        scored: whether all images have been looked at. The front goes by what they give, so accuracy then has no error.
    """

    front: Front
    looks: int
    scored: bool = False

    def dominated_by(self, known: Known) -> Candidate | None:
        """A member that dominates the candidate, all but surely; None where there is none.

        None, too, while an objective or what a budget is about is unknown: both are told of every candidate.

        Where the candidate may yet meet the budgets, only a member that meets them is enough.
        """
        metrics = [*self.front.objectives, *(budget.metric for budget in self.front.budgets)]
        if any(metric.key not in known for metric in metrics):
            return None
        return next((m for m in self._rivals(known) if _dominates(self._leads(m, known, self._stretch))), None)

    def is_close(self, known: Known) -> bool:
        """Whether a better look at latency may show that the candidate is dominated.

        That is where a member's leads in all else are sure, and in latency, as far as it is known, it is ahead.
        """
        return any(
            _dominates({**self._leads(m, known, self._stretch), **self._leads(m, known, 0.0, timed=True)})
            for m in self._rivals(known)
        )

    def dominating(self, known: Known) -> int:
        """How many members of the front are ahead of the candidate in what is known of it, errors left aside."""
        return sum(_dominates(self._leads(member, known, 0.0)) for member in self.front)

    @property
    def _stretch(self) -> float:
        return NormalDist().inv_cdf(1 - (1 - CONFIDENCE) / (self.looks + 1)) / Z_95

    def _rivals(self, known: Known) -> list[Candidate]:
        best = Candidate(Policy(), {key: self._at_best(key, measured) for key, measured in known.items()})
        may_fit = all(
            budget.metric.key not in known or budget.met(best, self.front.baseline) for budget in self.front.budgets
        )
        return [member for member in self.front if not may_fit or _fits(member, self.front)]

    def _at_best(self, key: str, measured: Measurement) -> Measurement:
        """The bound on the better side, as a budget judges it; finite, since measurements are."""
        quality = self.front.quality
        sign = 1 if quality.higher_is_better and key in (quality.key, f"{quality.key}_change") else -1
        best = _middle(measured) + sign * min(1e300, self._stretch * _error(measured))
        return Measurement.exact(best, measured.unit)

    def _leads(self, member: Candidate, known: Known, stretch: float, timed: bool | None = None) -> dict[str, float]:
        """By how much the member is ahead in every known objective, less the stretched errors; only latency's where
        ``timed``."""
        leads = {}
        for metric in self.front.objectives:
            key = metric.key
            if key not in known or (timed and not is_timed(key)):
                continue
            paired = f"{key}_change"
            key = paired if paired in known and paired in member.metrics else key
            theirs, ours = member.metrics[key], known[key]
            ahead = _middle(theirs) - _middle(ours)
            sampled = stretch > 0 and not (self.scored and metric.is_quality)
            margin = stretch * math.hypot(_error(theirs), _error(ours)) if sampled else 0.0
            leads[metric.key] = (ahead if metric.higher_is_better else -ahead) - margin
        return leads


def refuse_beyond_budget(candidate: Candidate, front: Front) -> None:
    """Refuse a candidate that is beyond a budget by what is counted, once there is one that meets all budgets.

    While there is none, it is worth measuring: the nearest ones are shown. What is counted is that of the network as
    it ships, so that it is known once that is built, repair included; no image of the search split is run before.

    Raises:
        Infeasible: saying what it has and what is needed.
    """
    counted = [b for b in front.budgets if b.metric.kind is Kind.COUNTED and not b.met(candidate, front.baseline)]
    if counted and any(_fits(member, front) for member in front):
        raise Infeasible(", ".join(budget.describe(candidate, front.baseline) for budget in counted))


def _dominates(leads: Mapping[str, float]) -> bool:
    """Nowhere behind, and ahead somewhere."""
    return min(leads.values(), default=-1.0) >= 0 and max(leads.values()) > 0


def _middle(measured: Measurement) -> float:
    return (measured.low + measured.high) / 2


def _error(measured: Measurement) -> float:
    """Half of the 95 % interval; without end where there are too few samples for one."""
    exact = measured.half_width == 0 and not measured.noisy
    return measured.half_width if exact or measured.n >= FEWEST else math.inf


def _fits(member: Candidate, front: Front) -> bool:
    return all_met(front.budgets, member, front.baseline)
