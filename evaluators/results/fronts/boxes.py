"""The region that points dominate as boxes that do not overlap, in any number of objectives; all are minimised."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .non_dominated import non_dominated

Floats = NDArray[np.float64]

_AT_ONCE = 1_000_000
"""Pairs of a point and a box that are looked at together, so that memory stays small."""


@dataclass(frozen=True, eq=False)
class Boxes:
    """What a set of points dominates, up to a reference point.

    By the local upper bounds of the points (Klamroth, Lacour, Vanderpooten 2015), which are added one by one
    (Lacour, Klamroth, Fonseca 2017, "A box decomposition algorithm to compute the hypervolume indicator", algorithm 2);
    each bound gives one box (there, eq. 6). Their number grows as ``n ** (m // 2)``: seconds for a hundred points in
    five objectives.

    Attributes:
        lower, upper: corners of the boxes, shape ``(boxes, m)``.
        reference: shape ``(m,)``.
    """

    lower: Floats
    upper: Floats
    reference: Floats

    @classmethod
    def dominated_by(cls, points: Floats, reference: Floats) -> Boxes:
        """The boxes of ``points``, shape ``(n, m)``, below ``reference``, shape ``(m,)``, with ``m`` 2 or more.

        Points that do not beat the reference in every objective have none.
        """
        inside = points[(points < reference).all(axis=1)]
        inside = inside[non_dominated(inside)]
        bounds, defining = _local_upper_bounds(inside, reference)
        lower, upper = bounds.copy(), bounds.copy()
        upper[:, 0] = reference[0]
        for objective in range(1, len(reference)):
            lower[:, objective] = defining[:, :objective, objective].max(axis=1)
        filled = (lower < upper).all(axis=1)
        return cls(lower[filled], upper[filled], reference)

    @property
    def volume(self) -> float:
        """The hypervolume of the points."""
        return float((self.upper - self.lower).prod(axis=1).sum())

    def added_by(self, points: Floats) -> Floats:
        """The volume that each of ``points``, shape ``(p, m)``, alone would add to what is dominated, ``(p,)``."""
        whole = np.maximum(self.reference - points, 0.0).prod(axis=1)
        step = max(1, _AT_ONCE // max(1, len(self.lower)))
        parts = [self._shared_with(points[start : start + step]) for start in range(0, len(points), step)]
        return np.asarray(np.maximum(whole - np.concatenate([*parts, np.zeros(0)]), 0.0))

    def _shared_with(self, points: Floats) -> Floats:
        """The volume of what each point dominates that the boxes hold, shape ``(p,)``."""
        volumes = np.ones((len(points), len(self.lower)))
        for objective in range(len(self.reference)):
            low = np.maximum(self.lower[None, :, objective], points[:, None, objective])
            volumes *= np.maximum(self.upper[None, :, objective] - low, 0.0)
        return np.asarray(volumes.sum(axis=1))


def _local_upper_bounds(points: Floats, reference: Floats) -> tuple[Floats, Floats]:
    """The local upper bounds, shape ``(bounds, m)``, and the points that define each, shape ``(bounds, m, m)``.

    The region below the bounds is what no point dominates. The j-th defining point of a bound has its j-th coordinate
    in common with it; at first these are dummies at the reference, and at the lowest value in the other coordinates.
    """
    count = len(reference)
    dummies = np.tile(np.vstack([points, reference]).min(axis=0), (count, 1))
    dummies[np.diag_indices(count)] = reference
    bounds, defining = reference[None].copy(), dummies[None]
    for point in points[np.lexsort(points.T[::-1])]:
        beaten = (point < bounds).all(axis=1)
        old, of_old = bounds[beaten], defining[beaten]
        new_bounds, new_defining = [bounds[~beaten]], [defining[~beaten]]
        for objective in range(count):
            others = np.delete(of_old[:, :, objective], objective, axis=1).max(axis=1)
            kept = point[objective] >= others
            moved, of_moved = old[kept], of_old[kept]
            moved[:, objective] = point[objective]
            of_moved[:, objective] = point
            new_bounds.append(moved)
            new_defining.append(of_moved)
        bounds, defining = np.concatenate(new_bounds), np.concatenate(new_defining)
    return bounds, defining
