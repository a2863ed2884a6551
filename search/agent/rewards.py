"""What an episode was worth to the agent, by named functions of the measured error and cost; higher is better."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ...evaluators.results.metrics import Named, metric_of, quality_of

HINGE_WEIGHT = 3.0


@dataclass(frozen=True)
class Scores:
    """What was measured of a policy.

    Attributes:
        error: share of the answers that are wrong (1 − accuracy); for other qualities see :func:`scores`.
        cost: of the objective that the agent's budget is about, as a share of the uncompressed model's.
        budget: greatest such share that the episode was allowed.
    """

    error: float
    cost: float
    budget: float


Reward = Callable[[Scores], float]


def error(scores: Scores) -> float:
    """−error; for searches that keep within a budget (He et al. 2018, section 3.3.1)."""
    return -scores.error


def error_log_cost(scores: Scores) -> float:
    """−error × log cost (He et al. 2018, section 3.3.2, R_FLOPs and R_Param); favours small models without a budget.

    Deviation: the cost is in thousandths of the uncompressed model's, whatever its unit; at least 2.
    """
    return -scores.error * float(np.log(max(1e3 * scores.cost, 2.0)))


def hinge(scores: Scores) -> float:
    """Accuracy, less what the measured cost is over the budget, as a share of the budget, times ``HINGE_WEIGHT``.

    After Galen (Krieger et al. 2022) and the absolute reward of TuNAS (Bender et al. 2020). Deviations: there is no
    penalty below the budget, where the clipping keeps episodes near it; the weight is ours.
    """
    return 1 - scores.error - HINGE_WEIGHT * max(0.0, scores.cost / scores.budget - 1)


REWARDS: Mapping[str, Reward] = {"error": error, "error_log_cost": error_log_cost, "hinge": hinge}


def error_and_cost(objectives: Sequence[Named]) -> tuple[int, int]:
    """The objective that the error is of, the first one where none is a quality, and the first of the others."""
    loss = quality_of(objectives) or 0
    return loss, next((index for index in range(len(objectives)) if index != loss), 0)


def scores(
    costs: Sequence[float], before: Sequence[float], objectives: Sequence[Named], loss: int, cost: int, budget: float
) -> Scores:
    """Scores from objectives, all minimised.

    The error is 1 − accuracy where the quality is better when higher and the uncompressed model's is between 0 and 1.
    Else it is the share of that quality that was lost; of one that is better when lower (an error already), and of the
    first objective where none is a quality, it is the share of the uncompressed model's.

    Args:
        costs: of the policy, what is better when higher with its sign turned.
        before: of the uncompressed model.
        objectives: their metrics.
        loss: which of them is the quality.
        cost: which of them the budget is about.
        budget: greatest share of the uncompressed model's cost that the episode was allowed.
    """
    share = costs[cost] / before[cost] if before[cost] else 1.0
    return Scores(_error(costs[loss], before[loss], metric_of(objectives[loss]).higher_is_better), share, budget)


def _error(value: float, before: float, higher_is_better: bool) -> float:
    if higher_is_better:
        return 1 + value if 0 <= -before <= 1 else (value - before) / abs(before)
    return value / before if before > 0 else value - before
