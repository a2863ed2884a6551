"""What a device takes as a rule, from timings with a known reference."""

from __future__ import annotations

import numpy as np
import pytest

from parefront.evaluators.pace import RECENT, Pace
from parefront.evaluators.timing import Block, Timing


def timing(*reference_ms: float, kept: bool = True) -> Timing:
    def block(ms: float) -> Block:
        wall = np.full(3, ms * 1e6, dtype=np.int64)
        return Block(wall, wall, np.full(3, kept))

    blocks = tuple(map(block, reference_ms))
    return Timing(blocks, blocks, 1.0, 0.1, 0.01, True)


def test_the_usual_is_the_median_of_medians() -> None:
    pace = Pace()
    seen = [pace.usual_ms("a", timing(*blocks)) for blocks in ([1.0, 1.1, 9.0], [1.6], [1.2, 1.0, 1.4])]
    assert seen == [pytest.approx(1.1), pytest.approx(1.1), pytest.approx(1.2)]


def test_the_usual_is_remembered_for_each_model() -> None:
    pace = Pace()
    pace.usual_ms("a", timing(1.0))
    assert pace.usual_ms("b", timing(1.6)) == 1.6


def test_what_is_slower_for_good_becomes_usual() -> None:
    pace = Pace()
    for _ in range(RECENT):
        pace.usual_ms("a", timing(1.0))
    seen = [pace.usual_ms("a", timing(1.6)) for _ in range(RECENT)]
    assert seen == [1.0] * (RECENT // 2) + [1.6] * (RECENT // 2)


def test_nothing_is_known_where_all_runs_were_preempted() -> None:
    assert Pace().usual_ms("a", timing(1.0, kept=False)) == 0
