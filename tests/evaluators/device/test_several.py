"""Artefacts with several inputs on a device: every input is made up by its shape and type."""

from __future__ import annotations

from pathlib import Path

import pytest

from parefront.evaluators.device.device import Device
from parefront.evaluators.device.errors import RequestRefused
from parefront.evaluators.device.latency import LatencyProtocol, measure
from parefront.spaces.network.emit import emit
from parefront.spaces.network.trace import trace

from ...several import Everything, everything, made

QUICK = LatencyProtocol(min_samples=4, min_seconds=0.02, max_seconds=0.1, warmup_seconds=0.01, batch=3)


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    traced = trace(made(Everything), everything())
    return emit(traced.net, tmp_path_factory.mktemp("several") / "everything.onnx", traced.example).path


def test_it_is_timed_profiled_and_weighed_in_any_batch(artifact: Path) -> None:
    with Device() as device:
        assert measure(device, artifact, artifact, QUICK).latency_ms.value > 0
        profiled, _ = device.operators(artifact, artifact, rounds=1, batch=3)
        assert device.memory(artifact, repeats=1, batch=3).value > 0
    assert {
        shape.shape[0] for operator in profiled.operators for shape in operator.outputs if len(shape.shape) > 2
    } >= {3}


def test_a_shape_is_given_by_the_input_s_name(artifact: Path) -> None:
    shapes = {"image": [2, 3, 12, 12], "depth": [2, 1, 12, 12], "count": [2], "mask": [2, 12, 12]}
    with Device() as device:
        assert device.memory(artifact, shapes, repeats=1).value > 0
        with pytest.raises(RequestRefused, match="depth"):
            device.memory(artifact, {**shapes, "depth": [2, 5, 12, 12]}, repeats=1)
