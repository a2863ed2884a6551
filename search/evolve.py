"""One step of steady-state NSGA-II over everything tried so far: choose parents, cross them, mutate the child."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..spaces import Choice, Knob, SearchSpace
from .history import Tried


def child(space: SearchSpace, parents: Sequence[Tried], generator: np.random.Generator) -> dict[str, Choice]:
    """A choice for every knob, bred from two of ``parents`` (Deb et al. 2002, sections III–V).

    Deviations from the paper: the parents are the best of *all* trials and are chosen anew after every one, since each
    costs seconds; mutation mostly steps to a neighbouring choice, since choices are in their natural order, and changes
    as many knobs of one compressor as of another, however many each has: one on average in all.

    Args:
        space: the knobs.
        parents: at least one, the best first, as :func:`rank` orders them.
        generator: the source of chance.
    """

    def parent() -> Tried:
        first, second = (int(i) for i in generator.integers(len(parents), size=2))
        return parents[min(first, second)]

    mother, father = parent(), parent()
    crossed = generator.random(len(space)) < 0.5 if generator.random() < 0.9 else np.zeros(len(space), dtype=bool)
    params = {k.name: (father if c else mother).params[k.name] for k, c in zip(space, crossed, strict=True)}
    counts = Counter(knob.compressor for knob in space)
    mutated = generator.random(len(space)) < [1.0 / (len(counts) * counts[knob.compressor]) for knob in space]
    if not mutated.any() and params == mother.params:
        mutated[generator.integers(len(space))] = True
    for knob, changes in zip(space, mutated, strict=True):
        if changes:
            params[knob.name] = _mutate(knob, params[knob.name], generator)
    return params


def rank(tried: Sequence[Tried]) -> list[int]:
    """Indices, best first: less violation, then lower non-domination rank, then greater crowding distance."""
    costs = np.array([t.costs for t in tried], dtype=float)
    violations = np.array([t.violation for t in tried])
    order: list[int] = []
    left = np.arange(len(tried))
    while len(left):
        layer = left[_undominated(costs[left], violations[left])]
        crowding = _crowding(costs[layer])
        order += [int(i) for i in layer[np.argsort(-crowding, kind="stable")]]
        left = np.setdiff1d(left, layer)
    return order


def _undominated(costs: NDArray[np.float64], violations: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Deb's constrained domination: less violation wins; among equals, no worse in all and better in one."""
    no_worse = (costs[:, None] <= costs[None]).all(axis=2) & (costs[:, None] < costs[None]).any(axis=2)
    equal = violations[:, None] == violations[None]
    dominates = (violations[:, None] < violations[None]) | (equal & no_worse)
    undominated: NDArray[np.bool_] = ~dominates.any(axis=0)
    return undominated


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


def _mutate(knob: Knob, choice: Choice, generator: np.random.Generator) -> Choice:
    """A neighbouring choice three times out of four, else any other one."""
    count, index = len(knob.choices), knob.choices.index(choice)
    if count == 1:
        return choice
    if generator.random() < 0.75:
        beside = [i for i in (index - 1, index + 1) if 0 <= i < count]
        return knob.choices[beside[int(generator.integers(len(beside)))]]
    return knob.choices[(index + 1 + int(generator.integers(count - 1))) % count]
