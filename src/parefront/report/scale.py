"""Where a value is on an axis of a figure, and the round numbers that stand beside it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ..evaluators.results.measurement import Measurement
from ..evaluators.results.views.units import count, size

MARGIN = 0.06
"""Of the range, on either side."""
BEYOND = 0.5
"""How far an interval may stretch the range on either side, as a share of that of the values."""


@dataclass(frozen=True)
class Scale:
    """A range of values over a range of pixels.

    Attributes:
        low: the least value.
        high: the greatest.
        start: the pixel of the least.
        end: the pixel of the greatest; below ``start`` on a vertical axis.
    """

    low: float
    high: float
    start: float
    end: float

    @classmethod
    def of(cls, values: Sequence[float], start: float, end: float) -> Scale:
        """The range of values with a margin; that of one value is a tenth of it."""
        low, high = min(values, default=0.0), max(values, default=1.0)
        margin = MARGIN * (high - low) or 0.05 * abs(high) or 1.0
        return cls(low - margin, high + margin, start, end)

    @classmethod
    def around(cls, measured: Sequence[Measurement], start: float, end: float) -> Scale:
        """The range of measurements with their intervals and a margin.

        What of an interval is farther from all values than half of their own range is left out: a single noisy
        measurement must not squeeze all others.
        """
        values = [one.value for one in measured]
        low, high = min(values, default=0.0), max(values, default=1.0)
        beyond = BEYOND * (high - low) or math.inf
        ends = [bound for one in measured for bound in (max(one.low, low - beyond), min(one.high, high + beyond))]
        return cls.of([*values, *ends], start, end)

    def at(self, value: float) -> float:
        """The pixel of a value."""
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)

    def holds(self, value: float) -> bool:
        return self.low <= value <= self.high

    def inside(self, value: float) -> float:
        """The value, or the end of the range that it lies beyond."""
        return min(self.high, max(self.low, value))

    def step(self, wanted: int) -> float:
        """The distance of round numbers of which about ``wanted`` are in the range."""
        rough = (self.high - self.low) / wanted
        power = 10.0 ** math.floor(math.log10(rough))
        return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= 0.999 * rough)

    def ticks(self, wanted: int) -> list[float]:
        """Round numbers in the range."""
        step = self.step(wanted)
        return [index * step for index in range(math.ceil(self.low / step), math.floor(self.high / step) + 1)]


def tick_text(value: float, step: float, unit: str) -> str:
    """A round number in the unit of a metric, with as many digits as tell it from the next one."""
    if unit == "fraction":
        return f"{100 * value:.{_digits(100 * step)}f} %"
    if unit == "x":
        return f"{value:.{_digits(step)}f}x"
    if unit == "bytes":
        return size(value)
    return count(value) if abs(value) >= 1000 else f"{value:.{_digits(step)}f}"


def _digits(step: float) -> int:
    return max(0, -math.floor(math.log10(step) + 1e-9))
