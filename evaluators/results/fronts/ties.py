"""Members that differ by less than the noise, and the cheaper one of two that are as good."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from ..budget import Budget, all_met
from ..candidate import Candidate
from ..errors import NoCandidate
from ..measurement import Measurement
from ..metric import Metric
from ..metrics import minimised
from .front import Front


def alike(one: Candidate, other: Candidate, metric: Metric) -> bool:
    """Whether two candidates differ in a metric by less than the noise.

    Two costs do where their 95 % intervals overlap. Two qualities do where 0 is within the interval of their
    difference, whose half-width is that of both, added in quadrature: on each split on which both were scored, and of
    the paired changes where both have them. As these are of the same images, it is rather too wide than too narrow.
    """
    if metric.is_quality:
        return all(_differ_by_noise(a, b) for a, b in _pairs(one, other, metric))
    return all(a.overlaps(b) for a, b in _pairs(one, other, metric))


def cheaper_tie(front: Front, chosen: Candidate, budgets: Sequence[Budget] | None = None) -> Candidate | None:
    """The cheapest member that costs less than a chosen one beyond the noise, and is as good within it.

    Where the chosen one is as good as the uncompressed model within the noise, so is this.

    Args:
        front: whose first cost among the objectives counts.
        chosen: a member.
        budgets: that it must meet; by default those of the front.

    Returns:
        None where there is none, or no objective is a cost.
    """
    cost = next((metric for metric in front.objectives if not metric.is_quality), None)
    if cost is None or front.quality.key not in chosen.metrics or cost.key not in chosen.metrics:
        return None
    wanted = front.budgets if budgets is None else budgets
    safe = as_good_as(chosen, front)
    found = [
        member
        for member in front
        if minimised(member, cost) < minimised(chosen, cost)
        and not alike(member, chosen, cost)
        and alike(member, chosen, front.quality)
        and (as_good_as(member, front) or not safe)
        and front.is_useful(member)
        and all_met(wanted, member, front.baseline)
    ]
    return min(found, key=lambda member: minimised(member, cost), default=None)


def as_good_as(member: Candidate, front: Front) -> bool:
    """Whether the quality is as good as the uncompressed model's, within the noise, on each split that was scored."""
    tested = front.quality.tested
    known = {tested.key, f"{tested.key}_change"} & member.metrics.keys()
    return _holds(member, front, front.quality) and (not known or _holds(member, front, tested))


def _holds(member: Candidate, front: Front, quality: Metric) -> bool:
    """The same on the split of that metric."""
    change = member.metrics.get(f"{quality.key}_change")
    if change is not None:
        return change.high >= 0 if quality.higher_is_better else change.low <= 0
    ours, base = member.metrics.get(quality.key), front.baseline.metrics.get(quality.key)
    if ours is None or base is None:
        return False
    return ours.overlaps(base) or quality.sign * (ours.value - base.value) <= 0


def best_to_json(front: Front) -> dict[str, int | None] | None:
    """``{"trial": 0, "cheaper_tie": 28}``: what :meth:`Front.select` gives; None where no member meets the budgets."""
    try:
        best = front.select()
    except NoCandidate:
        return None
    cheaper = cheaper_tie(front, best)
    return {"trial": best.trial, "cheaper_tie": None if cheaper is None else cheaper.trial}


def _differ_by_noise(one: Measurement, other: Measurement) -> bool:
    less, more = sorted((one, other), key=lambda measured: measured.value)
    return more.value - less.value <= math.hypot(less.high - less.value, more.value - more.low)


def _pairs(one: Candidate, other: Candidate, metric: Metric) -> Iterator[tuple[Measurement, Measurement]]:
    """The measurements to compare."""
    for split in (metric, metric.tested) if metric.is_quality else (metric,):
        keys = [f"{split.key}_change", split.key] if metric.is_quality else [split.key]
        shared = (key for key in keys if key in one.metrics and key in other.metrics)
        if (key := next(shared, None)) is not None:
            yield one.metrics[key], other.metrics[key]
