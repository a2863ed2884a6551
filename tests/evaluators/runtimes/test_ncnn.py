"""NCNN on this machine: what it computes, what it refuses and why, and that a device runs it as any other."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import parser

pytest.importorskip("ncnn", reason="the extra `ncnn` is not installed")

from parefront.compressors.context import Context
from parefront.compressors.pipeline import Pipeline
from parefront.compressors.registry import create
from parefront.evaluators.device.device import Device
from parefront.evaluators.device.device_options import DeviceOptions
from parefront.evaluators.device.errors import RequestRefused
from parefront.evaluators.explain.shares import layer_shares
from parefront.evaluators.restore.exact_session import exact_session
from parefront.evaluators.runtimes.ncnn_runtime import Ncnn
from parefront.evaluators.runtimes.runtime import ModelRejected, RuntimeUnavailable
from parefront.evaluators.trial.evaluate import TaskEvaluator
from parefront.spaces.network.emit import serialize
from parefront.spaces.task import Task
from parefront.testing.devices import DeviceConformance
from parefront.testing.networks import NETWORKS, residual
from parefront.testing.specimen import specimen

from .running import PROTOCOL, QUICK, ended_by_damage, split, with_an_operator_that_nobody_knows

RUNTIME = Ncnn()


@pytest.mark.parametrize("network", NETWORKS)
def test_it_computes_what_onnxruntime_computes(network: str) -> None:
    subject = specimen(network)
    content, images = serialize(subject.net, subject.calibration.example), subject.images[:5].numpy()
    session = RUNTIME.session(content, threads=1)
    found = session.run(["output"], {"input": images})[0]
    expected = exact_session(content, threads=1).run(["output"], {"input": images})[0]
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() < 1e-4 * np.abs(expected).max()


def test_it_says_what_a_file_takes_and_gives(net: Path) -> None:
    session = RUNTIME.session(net)
    assert [(port.name, list(port.shape), port.type) for port in (*session.get_inputs(), *session.get_outputs())] == [
        ("input", [None, 3, 8, 8], "tensor(float)"),
        ("output", [None, 10], "tensor(float)"),
    ]


@pytest.mark.parametrize(
    ("method", "options", "reason"),
    [
        ("quantize", {}, "ncnn has no layer .*QuantizeLinear.*; it takes no integers .*: leave out quantize$"),
        ("early_exit", {"places": 1}, "ncnn has no layer .*If; it has no branches: leave out early_exit$"),
    ],
)
def test_what_it_lacks_is_named(method: str, options: dict[str, Any], reason: str) -> None:
    subject = specimen("residual")
    pipeline = Pipeline.of([create(method, options)], subject.graph)
    policy = pipeline.space.decode({knob.name: knob.choices[-1] for knob in pipeline.space})
    net = pipeline.apply(subject.net, policy, Context(subject.graph, subject.calibration))
    content = serialize(net, subject.calibration.example)
    with pytest.raises(ModelRejected, match=rf"^ncnn [\d.]+ does not load the file: {reason}") as told:
        RUNTIME.session(content)
    assert len(str(told.value).splitlines()) == 1


def test_a_shortcut_that_takes_every_second_pixel_is_not_loaded() -> None:
    """As residual networks for CIFAR have it without weights."""
    model = parser.parse_model("""<ir_version: 10, opset_import: ["" : 21]>
        net (float[batch, 3, 8, 8] input) => (float[batch, 3, 4, 4] output)
        <int64[2] starts = {0, 0}, int64[2] ends = {8, 8}, int64[2] axes = {2, 3}, int64[2] steps = {2, 2}>
        { output = Slice(input, starts, ends, axes, steps) }""")
    with pytest.raises(ModelRejected, match=r"ncnn has no layer Tensor\.slice$"):
        RUNTIME.session(model.SerializeToString())


@pytest.mark.parametrize("content", [b"", b"no model at all", b"\x3a\xff\xff\xff"])
def test_what_is_no_model_is_rejected_in_one_line(content: bytes) -> None:
    with pytest.raises(ModelRejected, match=r"^ncnn [\d.]+ does not load the file: not an ONNX model"):
        RUNTIME.session(content)


def test_another_precision_is_refused() -> None:
    assert RUNTIME.precision() == "f32"
    with pytest.raises(RuntimeUnavailable, match="expected a precision of auto or f32, got 'bf16'"):
        RUNTIME.precision("bf16")


def test_without_the_wheels_it_says_how_to_get_them(monkeypatch: pytest.MonkeyPatch, net: Path) -> None:
    monkeypatch.setitem(sys.modules, "ncnn", None)
    with pytest.raises(RuntimeUnavailable, match=r"pip install 'parefront\[ncnn\]'"):
        RUNTIME.session(net)
    monkeypatch.undo()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(RuntimeUnavailable, match=r"No module named 'pnnx'.*pip install 'parefront\[ncnn\]'"):
        RUNTIME.session(net)


class TestItsDevice(DeviceConformance):
    @pytest.fixture
    def device(self) -> Iterator[Device]:
        with Device(DeviceOptions(runtime="ncnn")) as local:
            yield local

    def test_it_tells_what_layers_take(self, device: Device, conv_net: Callable[..., Path]) -> None:
        large = conv_net(channels=64, depth=3, size=(32, 32))
        ran, _ = device.operators(large, large)
        assert sum(operator.kind == "Conv" for operator in ran.operators) >= 3
        assert layer_shares(device, large, large) is not None

    def test_what_it_does_not_load_is_refused(self, device: Device, net: Path, tmp_path: Path) -> None:
        other = with_an_operator_that_nobody_knows(net, tmp_path / "other.onnx")
        with pytest.raises(RequestRefused, match=r"ncnn [\d.]+ rejects the model"):
            device.time(other, net, PROTOCOL)


def test_hostile_models_cost_no_more_than_themselves(net: Path, tmp_path: Path) -> None:
    """Each of them is refused, kills its worker twice, or runs; the next one is served in any case."""
    ended = list(ended_by_damage("ncnn", net, tmp_path, 4))
    assert len(ended) <= 4


def test_candidates_are_measured_and_scored_in_it(tmp_path: Path) -> None:
    task = Task(residual()[0], split(32, 1), split(64, 2), split(64, 3))
    methods: dict[str, dict[str, Any]] = {"prune_channels": {"round_to": 4}, "quantize": {}}
    with closing(TaskEvaluator(task, methods, DeviceOptions(runtime="ncnn"), latency=QUICK)) as evaluator:
        assert evaluator.environment["scored"]["runtime"] == "ncnn"
        assert evaluator.baseline(tmp_path).metrics["accuracy"].value == 1.0
        measured = evaluator.evaluate(evaluator.space.uniform({"prune_channels": 0.5}), tmp_path / "pruned.onnx")
        assert measured.metrics["latency_ratio"].value > 0
        assert 0 <= measured.metrics["accuracy"].value <= 1
        with pytest.raises(ModelRejected, match="leave out quantize"):
            evaluator.evaluate(evaluator.space.uniform({"quantize": 8}), tmp_path / "int8.onnx")
