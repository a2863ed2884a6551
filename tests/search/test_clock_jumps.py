"""The clock on the wall jumps (a battery is empty, NTP sets it right): nothing that is counted or decided follows."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from datetime import datetime, timedelta, tzinfo

import pytest

from parefront.search.runs import run_facts
from parefront.search.runs.studies import moments

from .conftest import SearchIn
from .synthetic import SyntheticEvaluator

HOURS = (0, 30, -50, 700, -9000, 3)


class Jumping(datetime):
    """A clock that is another number of hours off whenever it is read."""

    _hours = itertools.cycle(HOURS)

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Jumping:
        return super().now(tz) + timedelta(hours=next(cls._hours))


def jumping(steady: Callable[[], float]) -> Callable[[], float]:
    off = itertools.cycle(HOURS)
    return lambda: steady() + 3600 * next(off)


@pytest.mark.parametrize("sampler", ["random", "auto", "nsga2"])
def test_a_search_and_the_one_that_goes_on_with_it_do_not_notice(
    sampler: str, search_in: SearchIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, began = [], time.monotonic()
    for name in ("steady", "jumping"):
        if name == "jumping":
            monkeypatch.setattr(time, "time", jumping(time.time))
            monkeypatch.setattr(moments, "datetime", Jumping)
            monkeypatch.setattr(run_facts, "datetime", Jumping)
        search_in(SyntheticEvaluator(), name, trials=5, sampler=sampler, minutes=10.0)
        run, front = search_in(SyntheticEvaluator(), name, trials=12, sampler=sampler, minutes=10.0)
        assert run.counts["complete"] >= 10
        assert 0 <= run.seconds <= time.monotonic() - began
        asked.append(([(record.policy, record.outcome) for record in run.trials], [member.policy for member in front]))
    assert asked[0] == asked[1]
