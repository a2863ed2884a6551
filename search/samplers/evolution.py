"""One step of steady-state NSGA-II over everything tried so far: choose parents, cross them, mutate the child."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ...evaluators.results.fronts.non_dominated import undominated
from ...spaces.space import SearchSpace
from ..runs.studies.history import Tried


def children(
    space: SearchSpace, parents: NDArray[np.int64], generator: np.random.Generator, count: int
) -> NDArray[np.int64]:
    """``count`` policies bred from pairs of ``parents`` (Deb et al. 2002, sections III–V).

    Deviations from the paper: the parents are the best of *all* trials and are chosen anew after every one, since each
    costs seconds; mutation mostly steps to a neighbouring choice, since choices are in their natural order, and changes
    as many knobs of one compressor as of another, however many each has: one on average in all.

    Args:
        space: the knobs.
        parents: places among the choices, ``(parents, knobs)``, the best first, as :func:`rank` orders them.
        generator: the source of chance.
        count: of children.

    Returns:
        Places among the choices, ``(count, knobs)``.
    """
    mothers, fathers = (parents[generator.integers(len(parents), size=(count, 2)).min(axis=1)] for _ in range(2))
    crossed = (generator.random((count, len(space))) < 0.5) & (generator.random((count, 1)) < 0.9)
    bred = np.where(crossed, fathers, mothers)
    members = Counter(knob.compressor for knob in space)
    rates = np.array([1.0 / (len(members) * members[knob.compressor]) for knob in space])
    mutated = generator.random(bred.shape) < rates
    same = np.flatnonzero(~mutated.any(axis=1) & (bred == mothers).all(axis=1))
    mutated[same, generator.integers(len(space), size=len(same))] = True
    choices = np.array([len(knob.choices) for knob in space])
    return np.where(mutated & (choices > 1), _mutated(bred, np.maximum(choices, 2), generator), bred)


def rank(tried: Sequence[Tried], most: int | None = None) -> list[int]:
    """Indices, best first: less violation, then lower non-domination rank, then greater crowding distance.

    Deb's constrained domination: less violation wins; among equals, no worse in all and better in one.

    Args:
        tried: what to rank.
        most: how many indices are wanted; all by default.
    """
    costs = np.array([t.costs for t in tried], dtype=float)
    violations = np.array([t.violation for t in tried])
    order: list[int] = []
    for violation in np.unique(violations):
        left = np.flatnonzero(violations == violation)
        while len(left) and (most is None or len(order) < most):
            best = undominated(costs[left])
            layer, left = left[best], left[~best]
            order += [int(i) for i in layer[np.argsort(-_crowding(costs[layer]), kind="stable")]]
    return order[:most]


def _crowding(costs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum over the objectives of the gap between a point's neighbours; infinite at the ends."""
    distance = np.zeros(len(costs))
    for column in costs.T:
        order = np.argsort(column, kind="stable")
        span = column[order[-1]] - column[order[0]]
        distance[order[[0, -1]]] = np.inf
        if span > 0 and len(order) > 2:
            distance[order[1:-1]] += (column[order[2:]] - column[order[:-2]]) / span
    return distance


def _mutated(
    places: NDArray[np.int64], choices: NDArray[np.int64], generator: np.random.Generator
) -> NDArray[np.int64]:
    """A neighbouring choice three times out of four, else any other one."""
    step = np.where(generator.random(places.shape) < 0.5, 1, -1)
    step = np.where(places + step < 0, 1, np.where(places + step >= choices, -1, step))
    other = (places + 1 + (generator.random(places.shape) * (choices - 1)).astype(np.int64)) % choices
    return np.where(generator.random(places.shape) < 0.75, places + step, other)
