"""The best that a device has done of late, from timings with a known reference."""

from __future__ import annotations

import math

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


def test_a_tenth_of_the_blocks_may_be_quicker_than_the_best() -> None:
    assert Pace().best_ms("a", timing(*[1.0] * 2, *[3.0] * 18)) == pytest.approx(2.8)
    assert Pace().best_ms("a", timing(*[1.0] * 4, *[3.0] * 16)) == 1.0


def test_the_best_is_remembered_for_each_model() -> None:
    pace = Pace()
    pace.best_ms("a", timing(1.0))
    assert pace.best_ms("a", timing(1.6)) == 1.0
    assert pace.best_ms("b", timing(1.6)) == 1.6


def test_what_is_slower_for_good_becomes_the_best() -> None:
    pace = Pace()
    pace.best_ms("a", timing(1.0))
    seen = [pace.best_ms("a", timing(1.6)) for _ in range(RECENT)]
    assert seen == [1.0] * (RECENT - 1) + [1.6]


def test_nothing_is_known_where_all_runs_were_preempted() -> None:
    pace = Pace()
    assert pace.best_ms("a", timing(1.0, kept=False)) == math.inf
    assert pace.best_ms("a", timing(2.0)) == 2.0
