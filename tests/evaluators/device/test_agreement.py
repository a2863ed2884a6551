"""Like devices agree where their intervals and an allowance meet; one drifts off where the others do not."""

from __future__ import annotations

import pytest

from parefront.evaluators.device.agreement import ALLOWANCE, DRIFT, RECENT, Steadiness, agree, covering, shown
from parefront.evaluators.results.measurement import Measurement


def around(ms: float, half: float = 0.1) -> Measurement:
    return Measurement(ms, ms - half, ms + half, 10, "ms")


@pytest.mark.parametrize(
    ("other", "half", "expected"),
    [(10.0, 0.1, True), (10.6, 0.1, True), (10.8, 0.1, False), (10.8, 0.4, True), (9.4, 0.1, True), (9.2, 0.1, False)],
)
def test_they_agree_within_both_intervals_and_the_allowance(other: float, half: float, expected: bool) -> None:
    assert ALLOWANCE == 0.05
    assert agree(around(10.0), around(other, half)) is expected
    assert agree(around(other, half), around(10.0)) is expected


def test_what_two_readings_of_a_device_differ_by_is_in_the_interval() -> None:
    both = covering(around(10.0), around(12.0))
    assert (both.value, both.low, both.high, both.n) == (11.0, 9.9, 12.1, 20)


def times_of(factor: float, readings: int = RECENT) -> Steadiness:
    """A device that took 10 ms at the start, and ``factor`` times the bound of that interval since."""
    found = Steadiness()
    found.start("base", around(10.0))
    for _ in range(readings):
        found.add("base", factor * (10.1 if factor > 1 else 9.9))
    return found


@pytest.mark.parametrize("factor", [1 + 1.1 * DRIFT, 1 / (1 + 1.1 * DRIFT)])
def test_a_device_that_alone_is_slower_or_faster_for_good_has_drifted(factor: float) -> None:
    said = times_of(factor).drifted("base", [1.0, 1.0])
    assert said.startswith(f"takes {factor * (10.1 if factor > 1 else 9.9):.3g} ms there of late")
    assert said.endswith("10 ms (9.9 to 10.1) at the start")


def test_it_has_not_where_it_is_within_the_allowance_where_few_readings_tell_and_where_all_are_slower() -> None:
    assert times_of(1 + 0.9 * DRIFT).drifted("base", [1.0]) == ""
    assert times_of(1.5, RECENT - 1).drifted("base", [1.0]) == ""
    assert times_of(1.5).drifted("base", [1.5, 1.0]) == ""
    assert times_of(1.5).drifted("another", [1.0]) == ""


def test_a_few_slow_readings_are_no_drift() -> None:
    found = times_of(1.0)
    for _ in range(RECENT // 2 - 1):
        found.add("base", 20.0)
    assert found.drifted("base", [1.0]) == ""


def test_what_was_not_read_at_the_start_tells_nothing() -> None:
    found = times_of(1.0, readings=0)
    for ms in [20.0] * RECENT:
        found.add("another", ms)
        found.add("base", 0.0)
    assert found.times == 1.0


def test_figures_are_told_with_their_intervals() -> None:
    assert shown(Measurement(1.2345, 1.2, 1.25, 10, "ms")) == "1.23 ms (1.2 to 1.25)"
