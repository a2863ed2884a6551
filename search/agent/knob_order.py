"""In which order an agent meets the knobs, and what those still to come can save at most and at least."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..surrogate.sensitivity import Sensitivity


@dataclass(frozen=True)
class Route:
    """The knobs in execution order, each behind those that may make it void. All tuples are by place in the space.

    An agent counts in *sums*: the base's cost less what each knob saves by itself. Where savings overlap, the expected
    cost is higher (:meth:`Sensitivity.cost_after`); sums may fall below zero.

    Attributes:
        sensitivity: what the knobs save.
        cost: the objective that counts.
        order: places of the knobs, in the order in which they are met.
        savings: share of the uncompressed model's cost that each choice saves, as in :class:`Sensitivity`.
        voids: the knobs that are void where this one leaves its neutral choice.
        below: those of them that no other one of them makes void.
        most, least: what a knob and those that it may make void save together, at most and at least. Exact where what
            knobs make void nests, as layers do in blocks.
    """

    sensitivity: Sensitivity
    cost: str
    order: tuple[int, ...]
    savings: tuple[tuple[float, ...], ...]
    voids: tuple[tuple[int, ...], ...]
    below: tuple[tuple[int, ...], ...]
    most: tuple[float, ...]
    least: tuple[float, ...]

    @classmethod
    def of(cls, sensitivity: Sensitivity, cost: str) -> Route:
        """The route through the knobs of ``sensitivity``, counting the objective ``cost``."""
        savings = tuple(tuple(sensitivity.savings[cost][knob.name]) for knob in sensitivity.space)
        voids = tuple(tuple(sensitivity.voids.get(place, ())) for place in range(len(savings)))
        order = _outer_first(voids)
        below = _below(order, voids)
        most, least = [0.0] * len(savings), [0.0] * len(savings)
        for place in reversed(order):
            neutral = int(sensitivity.neutral[place])
            for sums, extreme in ((most, max), (least, min)):
                others = [saved for index, saved in enumerate(savings[place]) if index != neutral]
                stays = savings[place][neutral] + sum(sums[other] for other in below[place])
                sums[place] = extreme([stays, *others])
        return cls(sensitivity, cost, order, savings, voids, below, tuple(most), tuple(least))

    @property
    def outermost(self) -> list[int]:
        """The knobs that none makes void."""
        inner = {other for others in self.below for other in others}
        return [place for place in self.order if place not in inner]

    @property
    def base_cost(self) -> float:
        """Share of the uncompressed model's cost where nothing is saved."""
        return self.sensitivity.base_costs[self.cost]

    @property
    def cheapest(self) -> float:
        """Least sum of any policy: the base's cost less all that its knobs save; may be below zero."""
        return self.base_cost - sum(self.most[place] for place in self.outermost)

    @property
    def dearest(self) -> float:
        """Greatest sum of any policy."""
        return self.base_cost - sum(self.least[place] for place in self.outermost)

    @property
    def expected(self) -> tuple[float, float]:
        """Least and greatest expected cost of any policy, as shares of the uncompressed model's."""
        saved = self.base_cost - np.array([self.cheapest, self.dearest])
        least, greatest = self.sensitivity.cost_after(self.cost, saved)
        return float(least), float(greatest)

    def sum_at(self, expected: float) -> float:
        """The sum at which the expected cost, in which savings overlap, is so much; above zero."""
        return self.base_cost - self.sensitivity.saving_to(self.cost, expected)


def _outer_first(voids: Sequence[Sequence[int]]) -> tuple[int, ...]:
    """Places in their order, but each behind those that make it void."""
    outer = [[place for place, inner in enumerate(voids) if other in inner] for other in range(len(voids))]
    order: list[int] = []
    seen: set[int] = set()

    def visit(place: int) -> None:
        if place not in seen:
            seen.add(place)
            for other in outer[place]:
                visit(other)
            order.append(place)

    for place in range(len(voids)):
        visit(place)
    return tuple(order)


def _below(order: Sequence[int], voids: Sequence[Sequence[int]]) -> tuple[tuple[int, ...], ...]:
    """Each knob that may become void below the last of those that make it void."""
    innermost: dict[int, int] = {}
    met: set[int] = set()
    for place in order:
        met.add(place)
        innermost |= {other: place for other in voids[place] if other not in met}
    return tuple(tuple(o for o in order if innermost.get(o) == place) for place in range(len(voids)))
