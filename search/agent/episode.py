"""One walk over the knobs whose cost is kept within bounds: each choice is clipped to those that still allow it."""

from __future__ import annotations

import math

from .knob_order import Route

_ROUNDING = 1e-9


def within(route: Route, budget: float, band: float) -> Episode:
    """An episode whose expected cost stays within ``budget``, and where that is to be had not below 1 − ``band`` of it.

    The budget is a share of the uncompressed model's cost, above zero.
    """
    low = route.sum_at((1 - band) * budget) if band < 1 else -math.inf
    return Episode(route, low, route.sum_at(budget))


class Episode:
    """Meets the knobs one by one; those that earlier choices made void are passed over and stay neutral.

    He et al. 2018 (algorithm 1) bound each action from one side, so that the budget can be met with all later layers
    at their strongest. Here both sides are bound: the cheapest way on must be within ``high``, and the dearest not
    below ``low``. The upper bound comes first: it is kept whenever any policy keeps it (where what knobs make void
    nests, see :class:`Route`); the lower one as far as the steps between choices allow.

    Attributes:
        places: of the choices among each knob's, by place of the knob in the space; neutral until chosen.
        saved: share of the uncompressed model's cost that the choices so far save.
        ahead: what the knobs still to come, the present one included, save at most.
    """

    def __init__(self, route: Route, low: float, high: float) -> None:
        """At the first knob.

        Args:
            route: the knobs.
            low, high: least and greatest sum (see :class:`Route`) that is aimed at.
        """
        self._route, self._low, self._high = route, low, max(high, route.cheapest)
        self.places = [int(place) for place in route.sensitivity.neutral]
        self.saved = 0.0
        self._open = set(route.outermost)
        self.ahead, self._ahead_least = (sum(sums[place] for place in self._open) for sums in (route.most, route.least))
        self._left = list(reversed(route.order))
        self._void: set[int] = set()

    @property
    def knob(self) -> int | None:
        """Place in the space of the knob that is to be chosen; None at the end."""
        return self._left[-1] if self._left else None

    @property
    def high(self) -> float:
        """The greatest sum allowed; never below that of the cheapest policy."""
        return self._high

    @property
    def cost(self) -> float:
        """The sum with what is chosen so far, and nothing saved by other knobs."""
        return self._route.base_cost - self.saved

    def clip(self, wanted: int) -> int:
        """Of the present knob's choices the one nearest to ``wanted`` that keeps the bounds within reach."""
        assert self.knob is not None
        reach = [self._reach(place) for place in range(len(self._route.savings[self.knob]))]
        fits = [place for place, (cheapest, _) in enumerate(reach) if cheapest <= self._high + _ROUNDING]
        if not fits:
            return min(range(len(reach)), key=lambda place: reach[place][0])
        inside = [place for place in fits if reach[place][1] >= self._low - _ROUNDING]
        if not inside:
            return max(fits, key=lambda place: reach[place][1])
        return min(inside, key=lambda place: abs(place - wanted))

    def take(self, place: int) -> None:
        """Choose, and go on to the next knob that is not void."""
        knob = self._left.pop()
        stays = place == self.places[knob]
        self.places[knob] = place
        self.saved += self._route.savings[knob][place]
        self._close(knob)
        if stays:
            for other in self._route.below[knob]:
                if other not in self._void:
                    self._open.add(other)
                    self.ahead += self._route.most[other]
                    self._ahead_least += self._route.least[other]
        else:
            self._void.update(self._route.voids[knob])
            for other in self._route.voids[knob]:
                self._close(other)
        while self._left and self._left[-1] in self._void:
            self._left.pop()

    def _close(self, knob: int) -> None:
        if knob in self._open:
            self._open.remove(knob)
            self.ahead -= self._route.most[knob]
            self._ahead_least -= self._route.least[knob]

    def _reach(self, place: int) -> tuple[float, float]:
        """Least and greatest sum within reach once the present knob has this choice."""
        route, knob = self._route, self._left[-1]
        most, least = self.ahead - route.most[knob], self._ahead_least - route.least[knob]
        if place == self.places[knob]:
            most += sum(route.most[other] for other in route.below[knob])
            least += sum(route.least[other] for other in route.below[knob])
        cost = self.cost - route.savings[knob][place]
        return cost - most, cost - least
