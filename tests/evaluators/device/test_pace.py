"""What a device takes as a rule, from timings with a known reference."""

from __future__ import annotations

import numpy as np
import pytest

from parefront.evaluators.device.pace import RECENT, Pace
from parefront.evaluators.device.timing import Block, Timing


def timing(*reference_ms: float, kept: bool = True) -> Timing:
    def block(ms: float) -> Block:
        wall = np.full(3, ms * 1e6, dtype=np.int64)
        return Block(wall, wall, np.full(3, kept))

    blocks = tuple(map(block, reference_ms))
    return Timing(blocks, blocks, 1.0, 0.1, 0.01, True)


def test_the_usual_is_the_median_of_the_first_timing_as_long_as_others_are_like_it() -> None:
    pace = Pace()
    assert pace.usual_ms("a", timing(1.0, 1.1, 9.0)) == pytest.approx(1.1)
    assert [pace.usual_ms("a", timing(ms)) for ms in (1.6, 1.2, 1.6, 1.0)] == [pytest.approx(1.1)] * 4


def test_a_device_with_two_paces_by_turns_has_one_usual_pace() -> None:
    pace = Pace()
    assert {pace.usual_ms("a", timing(ms)) for ms in [1.0, 1.6, 1.6] * 20} == {1.0}


def test_the_usual_is_remembered_for_each_model() -> None:
    pace = Pace()
    pace.usual_ms("a", timing(1.0))
    assert pace.usual_ms("b", timing(1.6)) == 1.6


def test_what_is_slower_for_good_becomes_usual() -> None:
    pace = Pace()
    for _ in range(RECENT):
        pace.usual_ms("a", timing(1.0))
    seen = [pace.usual_ms("a", timing(1.6)) for _ in range(RECENT)]
    assert seen == [1.0] * 15 + [1.6] * 5


def test_nothing_is_known_where_all_runs_were_preempted() -> None:
    assert Pace().usual_ms("a", timing(1.0, kept=False)) == 0
