"""Whether scores before training rank candidates as scores after it do."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..runs.run import Run
from ..runs.stores.recovered_store import Trained

FEWEST = 5
"""Fewer members say nothing of an order."""


@dataclass(frozen=True)
class Ranking:
    """How alike two orders of the same members are.

    Attributes:
        tau: Kendall's τ-b, from -1 to 1: 1 where every pair stands in the same order before and after.
        members: how many there are.
    """

    tau: float
    members: int

    def __str__(self) -> str:
        return (
            f"Kendall's τ of the scores before and after training is {self.tau:.2f} ({self.members} members): "
            "1 where training leaves their order as it was"
        )


def ranking(run: Run) -> Ranking | None:
    """The ranking of the members of a run that were trained; None where there are fewer than five.

    Kendall 1938, "A New Measure of Rank Correlation", with the correction for ties of 1945.
    """
    from scipy.stats import kendalltau

    key = run.settings.quality.key
    before = {r.number: r.candidate.metrics[key].value for r in run.trials if r.candidate is not None}
    trained = [one for one in run.recovered.all() if one.ended and one.trial in before]
    if len(trained) < FEWEST:
        return None
    after = [_after(run, one, before[one.trial]) for one in trained]
    tau = float(kendalltau([before[one.trial] for one in trained], after).statistic)
    return None if math.isnan(tau) else Ranking(tau, len(trained))


def _after(run: Run, trained: Trained, before: float) -> float:
    """The score after training; of what was dropped, too, as it was no better."""
    quality = run.settings.quality
    if trained.candidate is not None:
        return trained.candidate.metrics[quality.key].value
    gain = trained.ended[-1].gain or 0.0
    return before + (gain if quality.higher_is_better else -gain)
