"""Seconds by step, added up."""

from __future__ import annotations

import time
from collections.abc import Iterator

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


def test_what_each_item_takes_to_come_is_counted_and_what_is_done_with_it_is_not() -> None:
    def slow() -> Iterator[int]:
        for item in (1, 2):
            time.sleep(0.01)
            yield item

    watch = Stopwatch()
    seen = []
    for item in watch.each("accuracy", slow()):
        seen.append(item)
        time.sleep(0.05)
    assert seen == [1, 2]
    assert 0.02 <= watch.seconds["accuracy"] < 0.1
