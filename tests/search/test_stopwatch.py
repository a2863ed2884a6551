"""Seconds by step, added up."""

from __future__ import annotations

import time

import pytest

from parefront.search.stopwatch import Stopwatch


def test_steps_of_one_name_add_up() -> None:
    watch = Stopwatch()
    for _ in range(3):
        with watch.step("emit"):
            time.sleep(0.01)
    assert 0.03 <= watch.seconds["emit"] < 0.5


def test_the_total_counts_what_no_step_does() -> None:
    watch = Stopwatch()
    with watch.step("apply"):
        pass
    time.sleep(0.02)
    total = watch.total()
    assert total.keys() == {"apply", "total"}
    assert total["total"] >= 0.02 > total["apply"]
    assert watch.seconds.keys() == {"apply"}


def test_a_step_that_fails_is_counted() -> None:
    watch = Stopwatch()
    with pytest.raises(ValueError, match="no"), watch.step("session"):
        raise ValueError("no")
    assert watch.seconds["session"] >= 0
