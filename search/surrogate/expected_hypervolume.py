"""Expected hypervolume improvement: which of many predicted policies would add most to the front."""

from __future__ import annotations

import numpy as np

from ...evaluators.results.fronts.boxes import Boxes
from ...evaluators.results.fronts.hypervolume import hypervolume
from ...evaluators.results.fronts.non_dominated import non_dominated
from .sensitivity import Floats

MOST_MEMBERS = 200
"""Of a front in four objectives or more: the boxes of what it dominates grow fast in number. In two, as many points are
taken as they are; of more the dominated ones are left out first."""
DRAWS = 8
"""Of those that are given, with four objectives or more."""


def expected_improvement(front: Floats, means: Floats, deviations: Floats, corner: Floats, draws: Floats) -> Floats:
    """The mean over draws of the hypervolume that a policy adds to ``front``, all objectives minimised.

    Emmerich, Giannakoglou, Naujoks 2006, by Monte Carlo with the same draws for all. With three objectives the
    improvement at the means; with more the first ``DRAWS`` draws, against ``MOST_MEMBERS`` of the front, evenly spread
    in the order of its first objective.

    Args:
        front: shape ``(n, m)``.
        means, deviations: of the predictions, independent normal, ``(p, m)``.
        corner: the worst that is of use, ``(m,)``.
        draws: standard normal numbers, ``(d, m)``.

    Returns:
        Shape ``(p,)``.
    """
    count = len(corner)
    if count == 2:
        points = means[:, None, :] + deviations[:, None, :] * draws[None]
        return np.asarray(_added_area(front, points.reshape(-1, 2), corner).reshape(len(means), -1).mean(axis=1))
    if count > 3:
        boxes = Boxes.dominated_by(_thinned(front, corner), corner)
        points = means[:, None, :] + deviations[:, None, :] * draws[None, :DRAWS]
        return np.asarray(boxes.added_by(points.reshape(-1, count)).reshape(len(means), -1).mean(axis=1))
    known = hypervolume(front, corner)
    return np.array([hypervolume(np.vstack([front, point]), corner) - known for point in means])


def _thinned(front: Floats, corner: Floats) -> Floats:
    """At most ``MOST_MEMBERS`` of the non-dominated points within the corner."""
    inside = front[(front < corner).all(axis=1)]
    members = inside[non_dominated(inside)]
    order = members[np.lexsort(members.T[::-1])]
    return order[np.linspace(0, len(order) - 1, min(len(order), MOST_MEMBERS)).round().astype(np.intp)]


def _added_area(front: Floats, points: Floats, corner: Floats) -> Floats:
    """The area that each of ``points`` alone would add to what ``front`` dominates, ``(p,)``.

    Between two neighbours of the front, sorted by the first objective, what is dominated begins at the better second
    one so far; a point adds a rectangle in every such strip that it reaches into.
    """
    inside = front[(front < corner).all(axis=1)]
    if len(inside) > MOST_MEMBERS:  # every strip costs, those of dominated points too
        inside = inside[non_dominated(inside)]
    order = inside[np.argsort(inside[:, 0], kind="stable")]
    edges = np.concatenate([[-np.inf], order[:, 0], [corner[0]]])
    heights = np.concatenate([[corner[1]], np.minimum.accumulate(order[:, 1])])
    width = np.maximum(0.0, edges[None, 1:] - np.maximum(edges[None, :-1], points[:, :1]))
    return np.asarray((width * np.maximum(0.0, heights[None] - points[:, 1:])).sum(axis=1))
