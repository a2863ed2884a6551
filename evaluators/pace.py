"""How fast a device is as a rule: what a model that is timed again and again has taken of late."""

from __future__ import annotations

import statistics
from collections import deque
from collections.abc import Hashable

from .timing import Timing

RECENT = 20
"""Timings of a model that are remembered: a device that is slower for good, hot say, is so within minutes."""


class Pace:
    """Remembers, for each model, the medians of its last twenty timings.

    What shares a core with a virtual machine is not seen from within: another guest on the other hyperthread makes all
    models slower by a half for seconds on end, and those bound by arithmetic more so than those bound by memory. Two
    ratios compare if both were read at the same pace.
    """

    def __init__(self) -> None:
        self._recent: dict[Hashable, deque[float]] = {}

    def usual_ms(self, model: Hashable, timing: Timing) -> float:
        """Milliseconds that a run of ``model``, the reference of ``timing``, takes as a rule, this time included."""
        recent = self._recent.setdefault(model, deque(maxlen=RECENT))
        recent.append(timing.median_ms)
        return statistics.median_low(recent)
