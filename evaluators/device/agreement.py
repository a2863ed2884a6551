"""Whether like devices take as long as each other for what candidates are timed against, and as at the start."""

from __future__ import annotations

import statistics
from collections import deque
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field

import numpy as np

from ..results.measurement import Measurement, bootstrap_median
from .timing import Timing

ALLOWANCE = 0.05
"""By which latencies of like devices may differ beyond both intervals, relative: by as much as the time of a
single device may drift within a reading that is not called noisy. Ratios differ by less, since both of their models are
read on one device; another governor, clock or cooler makes more, 10 % and up."""
DRIFT = 0.1
"""By which a device may leave its own interval of the start while the others do not: twice as much, since a short look
hardly warms it up. Where all become slower alike, as in a room that grows warm, they still agree."""
RECENT = 10
"""Readings whose median counts as of late, which what slows a device down for seconds does not move."""
AGAIN = 2
"""Further readings of two devices that do not agree: a shared machine has several paces, all in the interval."""


def latency_of(timing: Timing) -> Measurement:
    """Milliseconds of the candidate, with the interval that its blocks give; of all runs, where all were preempted."""
    kept = [block.median_ms() for block in timing.candidate if block.kept.any()]
    return bootstrap_median(np.array(kept or [block.median_ms("cpu") for block in timing.candidate]), "ms")


def agree(one: Measurement, other: Measurement) -> bool:
    """Whether two latencies are apart by no more than their intervals and the allowance."""
    return one.low <= other.high * (1 + ALLOWANCE) and other.low <= one.high * (1 + ALLOWANCE)


def covering(one: Measurement, other: Measurement) -> Measurement:
    """Two readings of one device as one: what they differ by is in the interval."""
    value, low, high = (one.value + other.value) / 2, min(one.low, other.low), max(one.high, other.high)
    return Measurement(value, low, high, one.n + other.n, one.unit)


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
        """Remember what ``read`` takes; readings of it before count, too."""
        known = self.starts.get(read)
        self.starts[read] = measured if known is None else covering(known, measured)

    @property
    def times(self) -> float:
        """How many times as long as at the start a reading takes of late; 1 where few are known."""
        return statistics.median(self._recent) if len(self._recent) == RECENT else 1.0

    def add(self, read: Hashable, ms: float) -> None:
        """Take in another reading; what was not read at the start tells nothing, nor does one of 0 ms."""
        start = self.starts.get(read)
        if start is not None and ms > 0:
            self._recent.append(ms / start.high if ms > start.high else ms / start.low if ms < start.low else 1.0)

    def drifted(self, read: Hashable, others: Iterable[float]) -> str:
        """Both figures in words, of late and at the start, where this device alone has become another one.

        Args:
            read: of which to tell the figures.
            others: :attr:`times` of the other devices.
        """
        start, times = self.starts.get(read), self.times
        if start is None or not _apart(times, 1.0) or not all(_apart(times, other) for other in others):
            return ""
        late = times * (start.high if times > 1 else start.low)
        return f"takes {late:.3g} ms there of late, {shown(start)} at the start"


def _apart(times: float, others: float) -> bool:
    return max(times / others, others / times) > 1 + DRIFT
