"""Latency of candidates against their nearest anchor: a short look, the protocol in full, or a final reading."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from ....spaces.policy import Policy
from ....spaces.space import SearchSpace
from ...device.latency import Latency, LatencyProtocol, measure, measure_anchor
from ...device.link import DeviceLink
from ...explain.shares import layer_shares
from ...results.measurement import Measurement
from ...results.metric import BATCH
from .anchors import Anchor, Anchors
from .exit_ways import Way, WaysOf, read_ways

NOISY_RETRIES = 2
"""A noisy reading misleads the search more than it costs to read again."""


def one_way(artifact: Path) -> Sequence[Way]:
    """Of a file without exits: nothing is to be told of its ways."""
    return ()


class Timer:
    """Times artefacts on one device; :meth:`start` or :meth:`join` comes first.

    Args:
        device: which.
        protocol: for candidates.
        ways: what ways samples take through a file with early exits, of which each is timed.

    Attributes:
        anchors: what candidates are timed against.
    """

    anchors: Anchors

    def __init__(self, device: DeviceLink, protocol: LatencyProtocol, ways: WaysOf = one_way) -> None:
        self._device, self._protocol, self._ways = device, protocol.on(device.options.threads), ways
        self._compares_units = False

    def start(
        self, space: SearchSpace, uncompressed: Path, alike: Callable[[Policy], Policy], file: Path | None = None
    ) -> dict[str, Measurement]:
        """Time the uncompressed model against itself, by the longer protocol, and make it the first anchor.

        ``alike`` gives a policy whose choices are the plainest that run in the same arithmetic; ``file`` is where the
        anchors are kept, ``anchors.json`` beside the uncompressed model by default.
        """
        self._compares_units = bool(self._device.options.like)
        timed = self._time_anchor(uncompressed, uncompressed)
        self.anchors = Anchors(space, uncompressed, timed.latency_ms, self._compare, alike, file)
        return {"latency_ms": timed.latency_ms, "latency_ratio": timed.ratio, **self._beside(timed)}

    def join(self, space: SearchSpace, uncompressed: Path, alike: Callable[[Policy], Policy], file: Path) -> None:
        """Take over the anchors of a search that another process has started, from its ``file``; nothing is timed.

        Raises:
            UnreadableFile: where the file lacks the uncompressed model's time.
        """
        self.anchors = Anchors(space, uncompressed, None, self._compare, alike, file)

    def add_anchor(self, policy: Policy, artifact: Path, sha256: str) -> None:
        """As :meth:`Anchors.add`; several like devices are compared by it in every session."""
        timed = self.anchors.add(policy, artifact, sha256)
        if self._compares_units and not timed:
            self._compare(artifact, self.anchors.uncompressed)

    def looks(self, policy: Policy, artifact: Path) -> Looks:
        """Looks at a candidate, one finer than the other."""
        anchor = self.anchors.nearest(policy)
        read = self._reader(artifact, anchor)
        return Looks(read, self._protocol, partial(self._through, anchor), self._device.prefer)

    def shares(self, policy: Policy) -> dict[str, float]:
        """Which part of a run each layer takes in the anchor nearest to ``policy``, by the name of its node."""
        anchor = self.anchors.nearest(policy).artifact
        return layer_shares(self._device, anchor, self.anchors.uncompressed, self._protocol.batch)

    def measure_finally(self, policy: Policy, artifact: Path) -> dict[str, Measurement]:
        """A final reading, of two; the uncertainty of the anchor itself, which all share, is added to the interval."""
        anchor = self.anchors.nearest(policy)
        read = self._reader(artifact, anchor)
        *_, timed = readings(read, one_of_two(self._protocol))
        ratio = timed.ratio.through(anchor.ratio, anchor.name, "x")
        latency_ms = ratio.through(self.anchors.latency_ms, anchor.name, "ms")
        return {"latency_ms": latency_ms, "latency_ratio": ratio, **self._beside(timed)}

    def _reader(self, artifact: Path, anchor: Anchor) -> Callable[[LatencyProtocol], Latency]:
        """What times an artefact against an anchor; its ways are found out when it is first timed."""
        held: list[Sequence[Way]] = []

        def read_file(path: Path, protocol: LatencyProtocol) -> Latency:
            return measure(self._device, path, anchor.artifact, protocol)

        def read(protocol: LatencyProtocol) -> Latency:
            if not held:
                held.append(self._ways(artifact))
            return read_ways(read_file, held[0], protocol) if held[0] else read_file(artifact, protocol)

        return read

    def _through(self, anchor: Anchor, timed: Latency) -> dict[str, Measurement]:
        """``latency_ms`` and ``latency_ratio``, through the anchor against the uncompressed model.

        The interval is that of the comparison with the anchor, by which candidates are ranked.
        """
        ratio = timed.ratio.times(Measurement.exact(anchor.ratio.value, "x"), "x")
        reference_ms = Measurement.exact(self.anchors.latency_ms.value, "ms")
        return {"latency_ms": ratio.times(reference_ms, "ms"), "latency_ratio": ratio, **self._beside(timed)}

    def _beside(self, timed: Latency) -> dict[str, Measurement]:
        """What was measured along with the latency: percentiles, the creation of the session, energy, the clock.

        ``clock_mhz`` goes from the lower to the higher of the processor's clock at the beginning and at the end.
        """
        energy = {} if timed.energy_mj is None else {"energy_mj": timed.energy_mj}
        batch = {BATCH: Measurement.exact(self._protocol.batch, "inputs")} if self._protocol.batch > 1 else {}
        load = Measurement.exact(1000 * timed.session_seconds, "ms")
        measured = {"p50_ms": timed.p50, "p95_ms": timed.p95, "p99_ms": timed.p99}
        percentiles = {key: value for key, value in measured.items() if value is not None}
        low, high = min(timed.clock_mhz), max(timed.clock_mhz)
        clock = {"clock_mhz": Measurement((low + high) / 2, low, high, 2, "MHz")} if low > 0 else {}
        return {**percentiles, "load_ms": load, **energy, **batch, **clock}

    def _compare(self, one: Path, other: Path) -> Measurement:
        return self._time_anchor(one, other).ratio

    def _time_anchor(self, artifact: Path, reference: Path) -> Latency:
        *_, timed = readings(partial(measure_anchor, self._device, artifact, reference), longer(self._protocol))
        return timed


class Looks:
    """Looks at the latency of one artefact, one finer than the other: a short one, then the protocol in full.

    The full one starts anew: it is taken of those alone that the short one has flattered, as a rule, so that to count
    this in would make them look faster than they are. It finds the sessions warm.
    """

    def __init__(
        self,
        read: Callable[[LatencyProtocol], Latency],
        protocol: LatencyProtocol,
        metrics: Callable[[Latency], dict[str, Measurement]],
        prefer: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._read, self._protocol, self._metrics, self.prefer = read, protocol, metrics, prefer
        self._full: Iterator[Latency] | None = None

    def closer(self) -> dict[str, Measurement] | None:
        """``latency_ms`` and ``latency_ratio`` by the next look; None where there is no finer one."""
        if self._full is not None:
            return self.full()
        self._full = readings(self._read, warm(self._protocol))
        return self._metrics(self._read(shorter(self._protocol)))

    def full(self) -> dict[str, Measurement] | None:
        """As :meth:`closer`, without a short look."""
        if self._full is None:
            self._full = readings(self._read, self._protocol)
        timed = next(self._full, None)
        return None if timed is None else self._metrics(timed)


def readings(read: Callable[[LatencyProtocol], Latency], protocol: LatencyProtocol) -> Iterator[Latency]:
    """What is noisy is measured again; each time the steadiest reading so far."""
    timed = read(protocol)
    yield timed
    for _ in range(NOISY_RETRIES):
        if not timed.ratio.noisy:
            return
        timed = min(timed, read(protocol), key=lambda t: (t.ratio.noisy, t.ratio.half_width / t.ratio.value))
        yield timed


def longer(protocol: LatencyProtocol) -> LatencyProtocol:
    """The protocol of what all candidates share: from as long as theirs at most to twice that, for half the interval.

    Patient, as a search is not: where the device is slow every now and then, to wait for it costs more than it tells.
    """
    return replace(
        protocol,
        min_seconds=protocol.max_seconds,
        max_seconds=2 * protocol.max_seconds,
        half_width=protocol.half_width / 2,
        patient=True,
    )


def one_of_two(protocol: LatencyProtocol) -> LatencyProtocol:
    """The protocol of a final reading, two of which take as long as :func:`longer` at most.

    What they differ by is in the interval of their mean, which is never narrower than one of theirs.
    """
    return replace(
        protocol,
        min_seconds=protocol.min_seconds / 2,
        warmup_seconds=protocol.warmup_seconds / 2,
        half_width=protocol.half_width / math.sqrt(2),
        patient=True,
    )


def warm(protocol: LatencyProtocol) -> LatencyProtocol:
    """The protocol for sessions that have just run: a quarter of the warm-up."""
    return replace(protocol, warmup_seconds=protocol.warmup_seconds / 4)


def shorter(protocol: LatencyProtocol) -> LatencyProtocol:
    """The protocol of the short look: a quarter as long, warming up included, for twice the interval."""
    return replace(
        protocol,
        min_samples=max(1, protocol.min_samples // 4),
        min_seconds=protocol.min_seconds / 4,
        max_seconds=protocol.max_seconds / 4,
        warmup_seconds=protocol.warmup_seconds / 4,
        half_width=2 * protocol.half_width,
    )
