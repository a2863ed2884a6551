"""Latency of a candidate, and its ratio to a reference's, on a device: the protocol's terms and its statistics."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..results.measurement import Z_95, Measurement, bootstrap_median, order_statistic
from .device import Shapes
from .errors import DeviceError
from .link import DeviceLink
from .pace import at_another_pace
from .timing import Block, Clock, Timing

Pair = tuple[Block, Block]

_MANY_DROPPED = 0.25
_NOISY_HALF_WIDTH = 0.03
_NOISY_DRIFT = 0.05
_FOREIGN_CORES = 0.5
_FEWEST_PAIRS = 6
_CROWDED_SHARE = 0.45
_THROTTLED = 0.95

AMISS = ("preempted", "crowded", "slow_reference", "shared", "drifted", "scattered")
"""What makes a measurement noisy: more than a quarter of the runs were preempted; other programs kept the cores busy;
the reference took longer or less long than usual; another user's process may have measured there; the time drifted
from the first half to the second; it scattered."""
SPREAD = 0.006
SPREAD_OF_THREADS = 0.02
SPREAD_AMID_OTHERS = 0.08
"""Standard deviations, relative, of ratios read again. In 26 searches with one thread the members of the front, read by
the search and once more at its end, differed by 0.4 to 1.9 % (0.9 % in the median, 70 % of them within both intervals
with a spread of 0.003); in two with two threads, on two cores, by 2.7 and 3.1 %. Readings of a file against itself vary
less: 0.003 is enough there. Amid others, where a reading was preempted, crowded or of a slow reference: 20 files of a
front, read on two cores of which other programs kept 1.2 to 1.8 busy, were off by 6.5 and by 8.9 % from what they take
on an idle machine (`benchmarks/crowded.py`), and half of the intervals held that without this."""
_DISTURBED = frozenset({"preempted", "crowded", "slow_reference"})


@dataclass(frozen=True, slots=True)
class LatencyProtocol:
    """How long to measure, and how wide an interval is narrow enough.

    Ends when `min_samples` kept runs of each model and `min_seconds` are there and the interval of the ratio is
    within ±`half_width` (relative), or after `max_seconds`; six pairs of blocks are timed in any case, unless that
    takes four times `max_seconds`. Up to `warmup_seconds` come before. `seed` makes the inputs and the order. A free
    first axis becomes `batch`. A device may run slower or faster for a while; where `patient`, a measurement during
    which the reference never took its usual time is noisy, so that it is repeated.

    `min_seconds` is short as two readings differ by more than the runs of one tell: where the interval is narrow at
    once, readings of 0.12 s and of 0.5 s spread alike when taken again (0.8 %; with two threads 2.0 and 1.7 %).

    `session_spread` is the standard deviation, relative, of a ratio that is read again some seconds later, beyond what
    the runs of one reading tell: where weights and buffers come to lie in memory, how threads are scheduled, how fast
    the machine is of late. It is added to the intervals in quadrature. By default `SPREAD`, or `SPREAD_OF_THREADS` with
    more than one thread; where other programs disturbed the reading, it is `SPREAD_AMID_OTHERS` at least.
    """

    min_samples: int = 64
    min_seconds: float = 0.15
    max_seconds: float = 1.0
    half_width: float = 0.015
    warmup_seconds: float = 0.3
    session_spread: float | None = None
    seed: int = 0
    batch: int = 1
    patient: bool = False

    def __post_init__(self) -> None:
        if self.min_samples < 1 or not 0 < self.min_seconds <= self.max_seconds:
            raise ValueError(f"expected min_samples >= 1 and 0 < min_seconds <= max_seconds, got {self}")
        if self.half_width <= 0 or (self.session_spread or 0.0) < 0 or self.warmup_seconds < 0:
            raise ValueError(f"expected half_width > 0, session_spread >= 0 and warmup_seconds >= 0, got {self}")
        if self.batch < 1:
            raise ValueError(f"batch must be at least 1, got {self.batch}")

    def on(self, threads: int) -> LatencyProtocol:
        """With the spread that readings with so many threads have, unless one is given."""
        if self.session_spread is not None or threads == 1:
            return self
        return replace(self, session_spread=SPREAD_OF_THREADS)

    @property
    def spread(self) -> float:
        """`session_spread`, or that of one thread."""
        return SPREAD if self.session_spread is None else self.session_spread

    def for_worker(self) -> dict[str, float]:
        """The terms as the worker takes them; it knows nothing of `session_spread` and aims at what that leaves.

        It aims no finer than at half of what two readings differ by anyway, which widens the interval by an eighth.
        """
        terms = asdict(self)
        allowance = Z_95 * self.spread
        del terms["patient"], terms["session_spread"]
        remaining = math.sqrt(max(0.0, self.half_width**2 - allowance**2))
        return {**terms, "half_width": max(remaining, allowance / 2)}


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds of one run (of the protocol's batch, where that axis is free), and their ratio; lower is better.

    `ratio` is the median of candidate / reference over adjacent blocks, "x"; its `n` counts pairs of blocks, the `n`
    of the two latencies blocks. `p50_ms`, `p90_ms`, `p99_ms` are of the candidate's single kept runs, `runs` in number;
    `p99` is the last with its interval, between order statistics, and at least as wide as readings differ.
    `dropped` counts the runs of both models that were preempted; where they are more than a quarter, `clock` is "cpu"
    instead of "wall": the CPU times of all runs count. `session_seconds` is the creation of the candidate's session.
    `energy_mj` is millijoules a run, None where the device does not tell. `foreign_cores` are the cores that other
    programs kept busy on the average, None where that is unknown. Left out, as long as six others remain, are pairs
    during which they kept half a core more busy than during the quietest one, and pairs during which the reference took
    1.2 times as long as usual, or as much less: something that cannot be seen from here shares the core, or the clock
    has changed. `why_noisy` says in words what was amiss; that of each measurement names it by one of `AMISS`. `p50`
    and `p95` are as `p99`. `clock_mhz` is the processor's clock at the beginning and at the end, 0 where it is unknown.

    Each measurement is `noisy` where more than a quarter of the runs were dropped, too few pairs were undisturbed,
    other programs had nearly half of the cores all along, its interval is wider than ±3 %, or it drifted by more
    than 5 % from the first half to the second. `noisy` says so of the candidate or the ratio.
    """

    latency_ms: Measurement
    reference_ms: Measurement
    ratio: Measurement
    p50_ms: float
    p90_ms: float
    p99: Measurement
    runs: int
    dropped: int
    noisy: bool
    clock: Clock
    seconds: float
    session_seconds: float
    energy_mj: Measurement | None = None
    foreign_cores: float | None = None
    why_noisy: tuple[str, ...] = ()
    p50: Measurement | None = None
    p95: Measurement | None = None
    clock_mhz: tuple[float, float] = (0.0, 0.0)

    @property
    def p99_ms(self) -> float:
        """The value of `p99`."""
        return self.p99.value

    def to_json(self) -> dict[str, Any]:
        """A plain dict of numbers and words, and of measurements as dicts."""
        fields = {name: getattr(self, name) for name in self.__dataclass_fields__} | {"p99_ms": self.p99_ms}
        return {name: f.to_json() if isinstance(f, Measurement) else f for name, f in fields.items()}


def measure(
    device: DeviceLink,
    candidate: Path,
    reference: Path,
    protocol: LatencyProtocol | None = None,
    shapes: Shapes | None = None,
) -> Latency:
    """Time `candidate` against `reference` (both ONNX files) on the device. Raises `DeviceError` where it cannot."""
    protocol = (protocol or LatencyProtocol()).on(device.options.threads)
    return summarise(device.time(candidate, reference, protocol.for_worker(), shapes), protocol)


def measure_anchor(device: DeviceLink, candidate: Path, reference: Path, protocol: LatencyProtocol) -> Latency:
    """As `measure`, of what candidates are timed against: several like devices are compared by it."""
    return summarise(device.time_anchor(candidate, reference, protocol.for_worker()), protocol)


def summarise(timing: Timing, protocol: LatencyProtocol) -> Latency:
    """The statistics of one timing. The intervals are bootstrapped over blocks, which are nearly independent."""
    quiet, crowd = _undisturbed(timing, protocol.patient)
    blocks = [block for pair in quiet for block in pair]
    total = sum(block.kept.size for block in blocks)
    dropped = total - sum(int(block.kept.sum()) for block in blocks)
    many_dropped = dropped > _MANY_DROPPED * total
    clock: Clock = "cpu" if many_dropped else "wall"
    pairs = [pair for pair in quiet if many_dropped or all(block.kept.any() for block in pair)]
    if not pairs:
        raise DeviceError("no pair of blocks was timed without interruption; is the device busy?")
    medians = np.array([[block.median_ms(clock) for block in pair] for pair in pairs])
    if not (medians > 0).all():
        raise DeviceError("runs took no time by the device's CPU clock, which is too coarse to time this model")
    crowd |= {"shared": f"{timing.beside} may have measured there, too"} if timing.beside else {}
    crowd = ({"preempted": f"{dropped / total:.0%} of the runs were preempted"} if many_dropped else {}) | crowd
    spread = max(protocol.spread, SPREAD_AMID_OTHERS) if _DISTURBED & crowd.keys() else protocol.spread

    def estimate(samples: NDArray[np.float64], unit: str) -> tuple[Measurement, dict[str, str]]:
        median = bootstrap_median(samples, unit, seed=protocol.seed)
        subject = "the ratio" if unit == "x" else "the time"
        why, drift = dict(crowd), _drift(samples)
        if abs(drift) > _NOISY_DRIFT:
            why["drifted"] = f"{subject} drifted by {drift:+.0%}{_throttling(timing) if drift > 0 else ''}"
        if median.noisy or median.half_width > _NOISY_HALF_WIDTH * median.value:
            why["scattered"] = f"{subject} scattered"
        return replace(median.widened(spread), noisy=bool(why), why_noisy=tuple(why)), why

    latency, of_latency = estimate(medians[:, 0], "ms")
    ratio, of_ratio = estimate(medians[:, 0] / medians[:, 1], "x")
    reference_ms, _ = estimate(medians[:, 1], "ms")
    runs = np.concatenate([candidate.times_ms(clock) for candidate, _ in pairs])
    energies = [candidate.energy_uj / 1000 for candidate, _ in pairs if candidate.energy_uj is not None]
    p50, p90 = (float(quantile) for quantile in np.quantile(runs, [0.5, 0.9]))
    p50_of_runs, p95, p99 = (
        replace(
            order_statistic(runs, share, "ms").widened(spread),
            noisy=latency.noisy,
            why_noisy=latency.why_noisy,
        )
        for share in (0.5, 0.95, 0.99)
    )
    p95, p99 = (percentile.not_below(p50_of_runs.value) for percentile in (p95, p99))
    return Latency(
        latency_ms=latency,
        reference_ms=reference_ms,
        ratio=ratio,
        p50_ms=p50,
        p90_ms=p90,
        p99=p99,
        runs=runs.size,
        dropped=dropped,
        noisy=latency.noisy or ratio.noisy,
        clock=clock,
        seconds=timing.seconds + timing.warmup_seconds,
        session_seconds=timing.session_seconds,
        energy_mj=bootstrap_median(np.array(energies), "mJ", seed=protocol.seed) if energies else None,
        foreign_cores=float(np.mean(timing.foreign_cores)) if timing.foreign_cores else None,
        why_noisy=tuple(dict.fromkeys([*of_latency.values(), *of_ratio.values()])),
        p50=p50_of_runs,
        p95=p95,
        clock_mhz=timing.clock_mhz,
    )


def _throttling(timing: Timing) -> str:
    """What the processor's clock did meanwhile, where it fell by more than 5 %."""
    before, after = timing.clock_mhz
    return f" while the clock fell from {before:.0f} to {after:.0f} MHz" if 0 < after < _THROTTLED * before else ""


def _undisturbed(timing: Timing, patient: bool) -> tuple[list[Pair], dict[str, str]]:
    """The pairs timed while nothing else slowed the device down, and what was amiss where these are too few.

    Left out are those during which other programs did more than at the quietest moment, and those during which the
    reference did not take its usual time. Where other programs had nearly half of the cores all along, nothing tells
    what that has done to the measurement.
    """
    pairs = list(zip(timing.candidate, timing.reference, strict=True))
    fewest = min(_FEWEST_PAIRS, len(pairs))
    quiet, why = pairs, dict[str, str]()
    if len(timing.foreign_cores) == len(pairs):
        most = min(timing.foreign_cores) + _FOREIGN_CORES
        quiet = [pair for pair, foreign in zip(pairs, timing.foreign_cores, strict=True) if foreign <= most]
        if len(quiet) < fewest or min(timing.foreign_cores) > _CROWDED_SHARE * timing.cores > 0:
            why["crowded"] = f"other programs kept {np.mean(timing.foreign_cores):.1f} cores busy"
        quiet = quiet if len(quiet) >= fewest else pairs
    usual_ms = timing.usual_ms or timing.median_ms
    usual = [pair for pair in quiet if not at_another_pace(pair[1].median_ms(), usual_ms)]
    if len(usual) >= fewest:
        return usual, why
    if patient:
        times = timing.median_ms / usual_ms
        why["slow_reference"] = f"the reference took {times:.1f} times as long as usual{_throttling(timing)}"
    return quiet, why


def _drift(samples: NDArray[np.float64]) -> float:
    """By how much the median rises from the first half to the second, relative; 0 where there are too few to tell."""
    if samples.size < 4:
        return 0.0
    halves = np.array_split(samples, 2)
    first, second = (float(np.median(half)) for half in halves)
    return (second - first) / min(first, second)
