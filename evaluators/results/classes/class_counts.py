"""What a candidate changed in each class of a split: images lost and gained against the uncompressed model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..measurement import Measurement, paired_counts

LEVEL = 0.05
"""The chance that any class at all is named where none is hit harder than the others."""
SPREAD = 12.0
"""Standard deviations beyond which no probability is left to speak of."""


@dataclass(frozen=True, slots=True)
class ClassCount:
    """The images of one class, or of one subgroup.

    Attributes:
        label: of the class, or name of the subgroup.
        n: images of it.
        before: that the uncompressed model has right.
        lost: of these, what the candidate has wrong.
        gained: what only the candidate has right.
    """

    label: int | str
    n: int
    before: int
    lost: int
    gained: int

    @property
    def after(self) -> int:
        """Images that the candidate has right."""
        return self.before - self.lost + self.gained

    @property
    def change(self) -> Measurement:
        """The candidate's accuracy on the class less the uncompressed model's, paired (:func:`paired_difference`)."""
        return paired_counts(self.gained, self.lost, self.n)


def counted_by_class(
    labels: NDArray[np.int64] | NDArray[np.str_], after: NDArray[np.bool_], before: NDArray[np.bool_]
) -> tuple[ClassCount, ...]:
    """The classes among ``labels``, each with its counts.

    Args:
        labels: shape ``(n,)``.
        after: whether the candidate is right, shape ``(n,)``.
        before: whether the uncompressed model is.
    """
    found = []
    for label in np.unique(labels):
        then, now = before[labels == label], after[labels == label]
        lost, gained = int((then & ~now).sum()), int((now & ~then).sum())
        found.append(ClassCount(label.item(), len(then), int(then.sum()), lost, gained))
    return tuple(found)


def chances(counts: Sequence[ClassCount]) -> tuple[float, ...]:
    """For every class, how likely so great a net loss is where compression treats all images alike, corrected.

    The null hypothesis is that which images are lost and gained has nothing to do with their class. Of ``n`` images of
    a class drawn from all, the numbers lost and gained are then multivariate hypergeometric, and the p-value is the
    probability that gained less lost is as low as it is, or lower. Exact and one-sided: it asks for harm. Holm (1979),
    "A simple sequentially rejective multiple test procedure", corrects for the number of classes, so that
    :data:`LEVEL` is the chance that any class is named wrongly.

    Returns:
        Corrected p-values in the order of ``counts``; a class is hit harder than the others where it is below
        :data:`LEVEL`.
    """
    total, lost, gained = (sum(getattr(one, name) for one in counts) for name in ("n", "lost", "gained"))
    logs = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, total + 1)))])  # of factorials
    raw = [_chance(one, total, lost, gained, logs) for one in counts]
    corrected, worst = [1.0] * len(raw), 0.0
    for rank, index in enumerate(sorted(range(len(raw)), key=raw.__getitem__)):
        worst = max(worst, (len(raw) - rank) * raw[index])
        corrected[index] = min(1.0, worst)
    return tuple(corrected)


def _chance(one: ClassCount, total: int, lost: int, gained: int, logs: NDArray[np.float64]) -> float:
    """Of the class's gained less lost, or less, among ``total`` images of which so many are lost and gained."""
    down, up = _likely(lost, one.n, total)[:, None], _likely(gained, one.n, total)[None, :]
    same, rest = total - lost - gained, one.n - down - up
    possible = (rest >= 0) & (rest <= same)
    rest = np.where(possible, rest, 0)
    weights = _ways(logs, lost, down) + _ways(logs, gained, up) + _ways(logs, same, rest)
    probability = np.where(possible, np.exp(weights - _ways(logs, total, np.array(one.n))), 0.0)
    return float(min(1.0, probability[up - down <= one.gained - one.lost].sum()))


def _ways(logs: NDArray[np.float64], of: int, chosen: NDArray[np.int64]) -> NDArray[np.float64]:
    """The logarithm of how many ways there are to choose so many of ``of``."""
    found: NDArray[np.float64] = logs[of] - logs[chosen] - logs[of - chosen]
    return found


def _likely(marked: int, n: int, total: int) -> NDArray[np.int64]:
    """How many of ``marked`` among ``total`` can be among ``n`` drawn ones."""
    mean, most = marked * n / total, min(marked, n)
    reach = SPREAD * np.sqrt(max(1.0, mean))
    return np.arange(max(0, int(mean - reach)), min(most, int(mean + reach) + 1) + 1)
