"""Seconds by step, added up."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from parefront.evaluators.trial import stopwatch
from parefront.evaluators.trial.stopwatch import Stopwatch

from ...clocks import HandClock


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> HandClock:
    """What the stopwatch reads."""
    clock = HandClock()
    monkeypatch.setattr(stopwatch, "time", clock)
    return clock


def test_steps_of_one_name_add_up(clock: HandClock) -> None:
    watch = Stopwatch()
    for _ in range(3):
        with watch.step("emit"):
            clock.sleep(0.01)
    assert watch.seconds["emit"] == pytest.approx(0.03)


def test_the_total_counts_what_no_step_does(clock: HandClock) -> None:
    watch = Stopwatch()
    with watch.step("apply"):
        pass
    clock.sleep(0.02)
    total = watch.total()
    assert total.keys() == {"apply", "total"}
    assert total["apply"] == 0
    assert total["total"] == pytest.approx(0.02)
    assert watch.seconds.keys() == {"apply"}


def test_a_step_that_fails_is_counted(clock: HandClock) -> None:
    watch = Stopwatch()
    with pytest.raises(ValueError, match="no"), watch.step("session"):
        _fail_after(clock, 0.01)
    assert watch.seconds["session"] == pytest.approx(0.01)


def _fail_after(clock: HandClock, seconds: float) -> None:
    clock.sleep(seconds)
    raise ValueError("no")


def test_what_each_item_takes_to_come_is_counted_and_what_is_done_with_it_is_not(
    clock: HandClock,
) -> None:
    def slow() -> Iterator[int]:
        for item in (1, 2):
            clock.sleep(0.01)
            yield item

    watch = Stopwatch()
    seen = []
    for item in watch.each("accuracy", slow()):
        seen.append(item)
        clock.sleep(0.05)
    assert seen == [1, 2]
    assert watch.seconds["accuracy"] == pytest.approx(0.02)
