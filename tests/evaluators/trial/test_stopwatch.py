"""Seconds by step, added up."""

from __future__ import annotations

import threading

import pytest

from parefront.evaluators.device.lock import THIS_MACHINE, exclusive
from parefront.evaluators.results.span import Span
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


def test_what_is_computed_is_told_with_the_time_of_day(clock: HandClock) -> None:
    watch = Stopwatch()
    clock.sleep(5.0)
    for pause in (0.0, 0.001, 1.0):
        clock.sleep(pause)
        with watch.work("accuracy"):
            clock.sleep(0.25)
    assert watch.seconds == {"wait": 0, "accuracy": pytest.approx(0.75)}
    assert watch.spans == [Span("accuracy", 5.0, 5.501), Span("accuracy", 6.501, 6.751)]


def test_nothing_is_computed_while_somebody_measures_on_this_machine(clock: HandClock) -> None:
    watch, computing = Stopwatch(), threading.Event()

    def compute() -> None:
        with watch.work("apply"):
            computing.set()

    thread = threading.Thread(target=compute)
    with exclusive(THIS_MACHINE):
        thread.start()
        assert not computing.wait(0.1)
    thread.join(60)
    assert computing.is_set()
