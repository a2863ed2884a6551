"""A number with its interval in words: ``±`` where both sides are alike, the ends where they are not."""

from __future__ import annotations

from collections.abc import Callable

from ..measurement import Measurement

Shown = Callable[[float], str]


def with_interval(measured: Measurement, shown: Shown, half: Shown, between: str = " ±") -> str:
    """``93.1 ±0.5``, or ``99.7 [99.2, 99.9]`` of an interval whose sides differ; the value alone where it is exact.

    Where the sides are alike, the longer one is told, so that neither is made shorter. They are alike, too, where no
    difference shows in as many digits.

    Args:
        measured: the number.
        shown: it, and the ends, as text without their unit.
        half: half an interval, likewise.
        between: what stands before that.
    """
    value = shown(measured.value)
    if measured.low == measured.high:
        return value
    sides = half(measured.value - measured.low), half(measured.high - measured.value)
    if measured.is_skewed and sides[0] != sides[1]:
        return f"{value} [{shown(measured.low)}, {shown(measured.high)}]"
    return f"{value}{between}{half(measured.reach)}"
