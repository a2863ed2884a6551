"""Looks at latency: short first, then in full, again where it is noisy; the steadiest reading counts."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from parefront.evaluators import Latency, LatencyProtocol, Measurement, Timing
from parefront.evaluators.timing import Block
from parefront.search.timer import Looks, after, longer, one_of_two, readings, shorter

PROTOCOL = LatencyProtocol()
PAIRS = 30


@dataclass
class Clock:
    """Gives one reading after the other: the ratio and half of its interval; wide ones are noisy."""

    given: list[tuple[float, float]]
    asked: list[LatencyProtocol] = field(default_factory=list)

    def read(self, protocol: LatencyProtocol) -> Latency:
        value, half = self.given[len(self.asked)]
        self.asked.append(protocol)
        ratio = Measurement(value, value - half, value + half, 40, "x", noisy=half > 0.03)
        ms = replace(ratio, unit="ms")
        return Latency(ms, ms, ratio, value, value, value, 400, 0, ratio.noisy, "wall", 0.5, 0.01)

    def time(self, protocol: LatencyProtocol) -> Timing:
        """Pairs of blocks whose ratios lie evenly within six times the half width, which is then about that."""
        value, half = self.given[len(self.asked)]
        self.asked.append(protocol)
        ratios = value + 3 * half * np.random.default_rng(0).permutation(np.linspace(-1, 1, PAIRS))
        blocks = [tuple(block(ms) for ms in (ratio, 1.0)) for ratio in ratios]
        candidate, reference = zip(*blocks, strict=True)
        return Timing(candidate, reference, protocol.min_seconds, protocol.warmup_seconds, 0.01, True)


def block(ms: float) -> Block:
    wall = np.full(5, ms * 1e6).astype(np.int64)
    return Block(wall, wall, np.ones(5, dtype=bool))


def looks_of(clock: Clock) -> Looks:
    return Looks(clock.time, PROTOCOL, lambda timed: {"latency_ratio": timed.ratio})


def ratios(looks: list[dict[str, Measurement] | None]) -> list[float | None]:
    return [None if look is None else round(look["latency_ratio"].value, 4) for look in looks]


def test_the_first_look_is_short_and_counts_in_the_full_one() -> None:
    clock = Clock([(0.5, 0.002), (0.52, 0.002)])
    looks = looks_of(clock)
    short, full, none = looks.closer(), looks.closer(), looks.closer()
    assert short is not None
    assert full is not None
    assert none is None
    assert short["latency_ratio"].value == pytest.approx(0.5, abs=1e-4)
    assert full["latency_ratio"].value == pytest.approx(0.51, abs=0.002)
    assert [look["latency_ratio"].n for look in (short, full)] == [PAIRS, 2 * PAIRS]
    assert clock.asked[0] == shorter(PROTOCOL)
    assert clock.asked[1].min_seconds == pytest.approx(0.75 * PROTOCOL.min_seconds)


def test_who_wants_it_in_full_gets_no_short_look() -> None:
    clock = Clock([(0.5, 0.001)])
    looks = looks_of(clock)
    assert ratios([looks.full(), looks.full(), looks.closer()]) == [0.5, None, None]
    assert clock.asked == [PROTOCOL]


def test_a_noisy_reading_is_taken_again_and_the_steadiest_counts() -> None:
    clock = Clock([(0.6, 0.05), (0.5, 0.04), (0.7, 0.09)])
    assert [timed.ratio.value for timed in readings(clock.read, PROTOCOL)] == [0.6, 0.5, 0.5]
    steady = Clock([(0.6, 0.05), (0.5, 0.01)])
    assert [timed.ratio.value for timed in readings(steady.read, PROTOCOL)] == [0.6, 0.5]


def test_a_short_look_is_never_taken_again_for_noise() -> None:
    clock = Clock([(0.5, 0.2), (0.5, 0.0001)])
    looks = looks_of(clock)
    first, second = looks.closer(), looks.full()
    assert first is not None
    assert second is not None
    assert first["latency_ratio"].noisy
    assert len(clock.asked) == 2


def test_what_is_noisy_in_full_is_read_anew_without_the_short_look() -> None:
    clock = Clock([(0.5, 0.2), (0.5, 0.2), (0.5, 0.0001)])
    looks = looks_of(clock)
    looks.closer()
    assert looks.closer() is not None
    again = looks.closer()
    assert again is not None
    assert (again["latency_ratio"].n, again["latency_ratio"].noisy) == (PAIRS, False)
    assert clock.asked[2] == PROTOCOL
    assert looks.closer() is None


def test_what_candidates_share_is_measured_for_longer_and_narrower() -> None:
    assert longer(PROTOCOL).min_seconds > PROTOCOL.min_seconds
    assert longer(PROTOCOL).half_width < PROTOCOL.half_width


def test_two_final_readings_take_as_long_as_the_longer_protocol_at_most() -> None:
    one = one_of_two(PROTOCOL)
    assert 2 * one.max_seconds == pytest.approx(longer(PROTOCOL).max_seconds)
    assert 2 * one.warmup_seconds == pytest.approx(longer(PROTOCOL).warmup_seconds)
    assert one.half_width / 2**0.5 == pytest.approx(longer(PROTOCOL).half_width)
    assert one.patient


def test_the_short_look_takes_a_quarter_warming_up_included() -> None:
    short = shorter(PROTOCOL)
    assert short.max_seconds == pytest.approx(PROTOCOL.max_seconds / 4)
    assert short.warmup_seconds == pytest.approx(PROTOCOL.warmup_seconds / 4)
    assert shorter(LatencyProtocol(min_samples=1)).min_samples == 1


def test_what_a_short_look_leaves_is_a_quarter_at_least() -> None:
    seen = Clock([(0.5, 0.001)]).time(replace(PROTOCOL, min_seconds=10.0, max_seconds=10.0))
    left = after(PROTOCOL, seen)
    assert (left.min_seconds, left.max_seconds) == (PROTOCOL.min_seconds / 4, PROTOCOL.max_seconds / 4)
    assert left.min_samples == 1
