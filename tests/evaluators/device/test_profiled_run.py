"""Operators' times without what profiling itself takes of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from parefront.evaluators.device.device import Device
from parefront.evaluators.device.latency import LatencyProtocol, measure
from parefront.evaluators.device.profiled_run import without_profiling

PROTOCOL = LatencyProtocol(min_samples=64, min_seconds=0.2, max_seconds=0.6)


def test_operators_that_take_less_than_the_run_are_left_as_they_are() -> None:
    assert without_profiling([10.0, 20.0], 31.0) == [10.0, 20.0]


def test_what_they_take_more_is_taken_off_in_equal_parts() -> None:
    assert without_profiling([10.0, 20.0, 30.0], 45.0) == pytest.approx([5.0, 15.0, 25.0])


def test_an_operator_keeps_a_twentieth_and_the_others_make_up_for_it() -> None:
    left = without_profiling([2.0, 20.0, 30.0], 34.0)
    assert left == pytest.approx([0.1, 11.95, 21.95])
    assert without_profiling([10.0, 10.0], 0.1) == pytest.approx([0.5, 0.5])


def test_a_deep_and_narrow_network_s_operators_take_what_its_runs_take(
    device: Device, conv_net: Callable[..., Path]
) -> None:
    """In one of five readings at least: what else runs meanwhile disturbs profile and runs unlike each other."""
    narrow, wide = conv_net(4, depth=24), conv_net(48, depth=4, size=(24, 24))

    def read() -> bool:
        profiled, other = device.operators(narrow, wide)
        assert profiled.profiling_us > 0.2 * profiled.us, "this runtime's profile takes no time, so nothing is tested"
        for run in (profiled, other):
            assert sum(operator.us for operator in run.operators) <= run.us * (1 + 1e-9)
            assert all(operator.us > 0 for operator in run.operators)
        measured = measure(device, narrow, wide, PROTOCOL).ratio
        return bool(profiled.us / other.us == pytest.approx(measured.value, rel=0.3))

    assert any(read() for _ in range(5))
