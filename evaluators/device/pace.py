"""How fast a device is as a rule: what a model that is timed again and again has taken of late."""

from __future__ import annotations

import math
import statistics
from collections import deque
from collections.abc import Hashable

from .timing import Timing

RECENT = 20
"""Timings of a model that are remembered: a device that is slower for good, hot say, is so within minutes."""
FEW = 0.25
"""Share of these below which a pace is no longer usual; with half, it would change with every few timings on a machine
that has two paces by turns."""
FACTOR = 1.2
"""Between times that belong to different paces."""


class Pace:
    """Remembers, for each model, the medians of its last twenty timings.

    What shares a core with a virtual machine is not seen from within: another guest on the other hyperthread makes all
    models slower by a half for seconds on end, and those bound by arithmetic more so than those bound by memory. Two
    ratios compare if both were read at the same pace.
    """

    def __init__(self) -> None:
        self._recent: dict[Hashable, deque[float]] = {}
        self._usual: dict[Hashable, float] = {}

    def usual_ms(self, model: Hashable, timing: Timing) -> float:
        """Milliseconds that a run of ``model``, the reference of ``timing``, takes as a rule, this time included."""
        recent = self._recent.setdefault(model, deque(maxlen=RECENT))
        recent.append(timing.median_ms)
        usual = self._usual.setdefault(model, timing.median_ms)
        if sum(not at_another_pace(ms, usual) for ms in recent) < FEW * len(recent):
            self._usual[model] = statistics.median_low(recent)
        return self._usual[model]


def at_another_pace(ms: float, usual_ms: float) -> bool:
    """Whether runs took longer or shorter than usual by a factor of 1.2; not where they were all preempted."""
    return ms < math.inf and not usual_ms / FACTOR <= ms <= usual_ms * FACTOR
