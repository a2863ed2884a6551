"""Profiles are taken again until they are to each other as the latencies are, and told at the pace of those."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from parefront.evaluators.device.operator import Operator
from parefront.evaluators.device.profiled_run import ProfiledRun
from parefront.evaluators.explain.agreeing import MOST_PROFILES, agreeing_profiles
from parefront.evaluators.results.measurement import Measurement

from ..device.boards import Board

RATIO = Measurement(0.5, 0.49, 0.51, 40, "x")
LATENCY_MS = 2.0
MODEL, BASE = Path("model.onnx"), Path("base.onnx")


class Profiling(Board):
    """A board whose profiles take the given microseconds, one pair after the other."""

    def __init__(self, *pairs: tuple[float, float]) -> None:
        super().__init__("pi")
        self.taken, self._pairs = 0, iter(pairs)

    def operators(self, *_: Any, **__: Any) -> tuple[ProfiledRun, ProfiledRun]:
        self.taken += 1
        own, other = next(self._pairs)
        return profiled(own), profiled(other)


def profiled(us: float) -> ProfiledRun:
    parts = (Operator("n", "Conv", "CPU", (), (), (), (), "", us / 2) for _ in range(2))
    return ProfiledRun(tuple(parts), us, 0.1 * us)


def times(pair: Sequence[ProfiledRun]) -> Iterator[float]:
    for run in pair:
        assert sum(operator.us for operator in run.operators) == pytest.approx(run.us)
        yield run.us


def test_one_is_enough_where_it_agrees() -> None:
    device = Profiling((1050.0, 2000.0))
    assert list(times(agreeing_profiles(device, MODEL, BASE, RATIO, LATENCY_MS))) == [1050.0, 2000.0]
    assert device.taken == 1


def test_it_is_taken_again_where_the_ratio_is_another() -> None:
    device = Profiling((1600.0, 2000.0), (1000.0, 2000.0))
    assert list(times(agreeing_profiles(device, MODEL, BASE, RATIO, LATENCY_MS))) == [1000.0, 2000.0]


def test_it_is_taken_again_where_both_were_slow_and_told_at_the_usual_pace() -> None:
    device = Profiling(*MOST_PROFILES * [(1800.0, 3200.0)])
    own, other = agreeing_profiles(device, MODEL, BASE, RATIO, LATENCY_MS)
    assert device.taken == MOST_PROFILES
    assert list(times((own, other))) == pytest.approx([1125.0, 2000.0])
    assert (own.profiling_us, other.profiling_us) == pytest.approx((112.5, 200.0))


def test_of_several_that_do_not_agree_the_nearest_is_taken() -> None:
    device = Profiling((1600.0, 2000.0), (1300.0, 2000.0), (1500.0, 2000.0), (1700.0, 2000.0))
    assert list(times(agreeing_profiles(device, MODEL, BASE, RATIO, LATENCY_MS))) == [1300.0, 2000.0]
