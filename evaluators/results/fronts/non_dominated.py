"""Pareto dominance among points: which of them no other one beats. Everything here is minimised."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
Mask = NDArray[np.bool_]


def non_dominated(points: Points) -> Mask:
    """Which points no other one dominates; of equal points the first alone.

    A point dominates another one that is nowhere lower and somewhere higher. Points are looked at in lexicographic
    order, in which none is dominated by a later one, so that each is compared with the members so far; of two
    objectives with the lowest second one (Kung, Luccio, Preparata 1975). O(n log n) for two objectives,
    O(n · members) for more.

    Args:
        points: shape ``(n, m)``, finite.

    Returns:
        Shape ``(n,)``.
    """
    found = np.zeros(len(points), dtype=bool)
    order = np.lexsort((np.arange(len(points)), *points.T[::-1]))
    if points.shape[1] == 2:
        second = points[order, 1]
        lowest = np.concatenate([[np.inf], np.minimum.accumulate(second)[:-1]])
        found[order[second < lowest]] = True
        return found
    members = np.empty_like(points)
    count = 0
    for index in order:
        if not (members[:count] <= points[index]).all(axis=1).any():
            members[count], count = points[index], count + 1
            found[index] = True
    return found


def undominated(points: Points) -> Mask:
    """As :func:`non_dominated`, but all of equal points, shape ``(n,)``."""
    different, which = np.unique(points, axis=0, return_inverse=True)
    return np.asarray(non_dominated(different)[which.reshape(-1)])
