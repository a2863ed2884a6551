"""How a measurement is written for people: the one place that rounds it, in tables, sentences and on pages.

``src/parefront/report/format.js`` does the same in a browser; a test compares the two.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from ..measurement import Measurement
from .units import PREFIXES, decimals, fixed, score

MOST_DECIMALS = 6
MOST_OF_OWN = 15
"""Of a task's own metric, which may be as small as an error of 1e-8."""
COSTS = ("ms", "mJ", "1/s", "s")
"""Units of what is measured on a device; any other that is not listed here is one of a task's own metric."""
COUNTS = ("bytes", "MACs", "parameters", "count")
JOINED = ("x", *(prefix for _, prefix in PREFIXES))
"""Units that stand at their number without a space."""
CHANGE = "_change"
"""How the keys of differences to the uncompressed model end."""


@dataclass(frozen=True)
class Written:
    """A measurement in texts.

    Attributes:
        value: without its unit, as all of them.
        half: of its 95 % interval, the longer side; empty where it is exact.
        ends: of the interval, where its sides differ by so much that no ``±`` tells both.
        unit: ``%``, ``pt``, ``x``, ``ms``, ``KB``, …; empty of a number without one.
    """

    value: str
    half: str
    ends: tuple[str, str] | None
    unit: str

    def spanned(self, between: str = " ±") -> str:
        """``93.1 ±0.5``, or ``99.7 [99.2, 99.9]``; the value alone where it is exact."""
        if self.ends is not None:
            return f"{self.value} [{self.ends[0]}, {self.ends[1]}]"
        return f"{self.value}{between}{self.half}" if self.half else self.value

    def joined(self, text: str) -> str:
        """A text of these numbers with the unit behind it: ``93.1 %``, ``0.412x``."""
        return f"{text}{self.unit}" if self.unit in JOINED else f"{text} {self.unit}".rstrip()


def written(measured: Measurement, *, change: bool = False) -> Written:
    """Value and interval with equally many decimals.

    Each kind of number has its least number of decimals: percentages and points one, ratios three, costs those that
    make three digits. There are more where half of the interval would else be written as zero, and of percentages and
    points where it is below 0.1: as many as its first digit takes. A task's own metric has as many as give half of its
    interval two digits. Without an interval, percentages have two decimals, own metrics four digits.

    Args:
        measured: to be written.
        change: it is a difference: written with its sign, unless it is rounded to zero, a fraction in points (``pt``).
    """
    scale, unit = _scale(measured, change)
    value, half = scale(measured.value), scale(measured.reach)
    places = _places(value, half, measured.unit, change, prefixed=unit.lower() not in ("", "b"))
    if places is None:
        return Written(score(value), "", None, unit)

    def shown(number: float) -> str:
        text = fixed(scale(number), places)
        return f"+{text}" if change and text.strip("0.") and not text.startswith("-") else text

    sides = [fixed(scale(side), places) for side in (measured.value - measured.low, measured.high - measured.value)]
    skewed = measured.is_skewed and sides[0] != sides[1]
    ends = (shown(measured.low), shown(measured.high)) if skewed else None
    return Written(shown(measured.value), fixed(half, places) if half else "", ends, unit)


def worded(measured: Measurement, *, change: bool = False) -> str:
    """A measurement with its interval and unit: ``93.1 ± 0.5 %``, ``99.7 [99.2, 99.9] %``, ``0.412 ± 0.002x``."""
    told = written(measured, change=change)
    text = told.joined(told.spanned(" ± "))
    return f"{text} (noisy)" if measured.noisy else text


def is_change(key: str) -> bool:
    """Whether the measurement under this key is a difference to the uncompressed model."""
    return key.endswith(CHANGE)


def _scale(measured: Measurement, change: bool) -> tuple[Callable[[float], float], str]:
    """What brings a value to the unit that it is written in, and that unit."""
    if measured.unit == "fraction":
        return lambda value: 100 * value, "pt" if change else "%"
    if measured.unit in COUNTS:
        size, prefix = next((p for p in PREFIXES if abs(measured.value) >= 0.9995 * p[0]), (1.0, ""))
        return lambda value: value / size, f"{prefix.upper()}B" if measured.unit == "bytes" else prefix
    return float, "" if measured.unit == "score" else measured.unit


def _places(value: float, half: float, unit: str, change: bool, *, prefixed: bool) -> int | None:
    """How many decimals; None where four digits are wanted, however large the value is."""
    if unit in COUNTS and not prefixed and not half:
        return 0
    least = {"fraction": 1 if half else 2, "x": 3}.get(unit, decimals(value))
    if unit in ("fraction", "x", *COSTS, *COUNTS):
        shown = half if unit == "fraction" else 2 * half
        return max(least, min(MOST_DECIMALS, math.ceil(-math.log10(shown)))) if half else least
    if half:
        return max(0, min(MOST_OF_OWN, 1 - math.floor(math.log10(half))))
    if not change:
        return None
    return max(3, min(MOST_OF_OWN, 3 - math.floor(math.log10(abs(value))))) if value else 3
