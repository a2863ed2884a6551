"""Whether like devices take as long as each other for what candidates are timed against, and as at the start."""

from __future__ import annotations

import statistics
from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass, field

import numpy as np

from ..results.measurement import Measurement, bootstrap_median
from .timing import Timing

ALLOWANCE = 0.05
"""By which latencies of like devices may differ beyond both intervals, relative: by as much as the time of a
single device may drift within a reading that is not called noisy. Ratios differ by less, since both of their models are
read on one device; another governor, clock or cooler makes more, 10 % and up."""
DRIFT = 0.1
"""By which a device may leave its own interval of the start: twice as much, since short looks hardly warm it up."""
RECENT = 5
"""Readings whose median counts as of late: two that something else has slowed down do not tell of a drift."""


def latency_of(timing: Timing) -> Measurement:
    """Milliseconds of the candidate, with the interval that its blocks give; of all runs, where all were preempted."""
    kept = [block.median_ms() for block in timing.candidate if block.kept.any()]
    return bootstrap_median(np.array(kept or [block.median_ms("cpu") for block in timing.candidate]), "ms")


def agree(one: Measurement, other: Measurement) -> bool:
    """Whether two latencies are apart by no more than their intervals and the allowance."""
    low, high = min(one.low, one.value), max(one.high, one.value)
    return low <= other.high * (1 + ALLOWANCE) and other.low <= high * (1 + ALLOWANCE)


def shown(measured: Measurement) -> str:
    """``"1.23 ms (1.21 to 1.25)"``."""
    return f"{measured.value:.3g} ms ({measured.low:.3g} to {measured.high:.3g})"


@dataclass
class Steadiness:
    """What one device took for artefacts at the start, and of late.

    Attributes:
        starts: milliseconds, by what was read.
    """

    starts: dict[Hashable, Measurement] = field(default_factory=dict)
    _recent: deque[float] = field(default_factory=lambda: deque(maxlen=RECENT))

    def start(self, read: Hashable, measured: Measurement) -> None:
        """Remember what ``read`` takes; of several readings the one with the narrowest interval."""
        known = self.starts.get(read)
        if known is None or measured.half_width / measured.value < known.half_width / known.value:
            self.starts[read] = measured

    def drifted(self, read: Hashable, ms: float) -> str:
        """Take in another reading; both figures in words where the last five are off, in their median.

        Args:
            read: what was read; nothing is told of what was not read at the start.
            ms: that it took; 0 where that is not known.
        """
        start = self.starts.get(read)
        if start is None or ms <= 0:
            return ""
        self._recent.append(ms / start.high if ms > start.high else ms / start.low if ms < start.low else 1.0)
        times = statistics.median(self._recent)
        if len(self._recent) < RECENT or 1 / (1 + DRIFT) <= times <= 1 + DRIFT:
            return ""
        late = times * (start.high if times > 1 else start.low)
        return f"takes {late:.3g} ms there of late, {shown(start)} at the start"
