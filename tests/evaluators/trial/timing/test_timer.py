"""Looks at latency: short first, then in full, again where it is noisy; the steadiest reading counts."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from parefront.evaluators.device.latency import Latency, LatencyProtocol
from parefront.evaluators.results.measurement import Measurement
from parefront.evaluators.trial.timing.timer import Looks, longer, one_of_two, readings, shorter, warm

PROTOCOL = LatencyProtocol()


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
        return Latency(ms, ms, ratio, value, value, ms, 400, 0, ratio.noisy, "wall", 0.5, 0.01)


def looks_of(clock: Clock) -> Looks:
    return Looks(clock.read, PROTOCOL, lambda timed: {"latency_ratio": timed.ratio})


def ratios(looks: list[dict[str, Measurement] | None]) -> list[float | None]:
    return [None if look is None else round(look["latency_ratio"].value, 4) for look in looks]


def test_the_first_look_is_short_and_the_full_one_starts_anew_with_warm_sessions() -> None:
    clock = Clock([(0.5, 0.002), (0.52, 0.002)])
    looks = looks_of(clock)
    assert ratios([looks.closer(), looks.closer(), looks.closer()]) == [0.5, 0.52, None]
    assert clock.asked == [shorter(PROTOCOL), warm(PROTOCOL)]
    assert replace(warm(PROTOCOL), warmup_seconds=PROTOCOL.warmup_seconds) == PROTOCOL
    assert warm(PROTOCOL).warmup_seconds < PROTOCOL.warmup_seconds


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
    assert (first["latency_ratio"].noisy, second["latency_ratio"].noisy) == (True, False)
    assert looks.closer() is None
    assert len(clock.asked) == 2


def test_what_is_noisy_in_full_is_read_anew_behind_a_short_look() -> None:
    clock = Clock([(0.5, 0.2), (0.6, 0.2), (0.7, 0.0001)])
    looks = looks_of(clock)
    assert ratios([looks.closer(), looks.closer(), looks.closer(), looks.closer()]) == [0.5, 0.6, 0.7, None]
    assert clock.asked == [shorter(PROTOCOL), warm(PROTOCOL), warm(PROTOCOL)]


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
