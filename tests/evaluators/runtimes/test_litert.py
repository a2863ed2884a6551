"""LiteRT on this machine: what it computes, what it refuses and why, and that a device runs it as any other."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

pytest.importorskip("ai_edge_litert", reason="the extra `litert` is not installed")

from ai_edge_litert.interpreter import Interpreter, OpResolverType

from parefront.compressors.context import Context
from parefront.compressors.pipeline import Pipeline
from parefront.compressors.registry import create
from parefront.evaluators.device.device import Device
from parefront.evaluators.device.device_options import DeviceOptions
from parefront.evaluators.device.errors import DeviceError, RequestRefused
from parefront.evaluators.restore.exact_session import exact_session
from parefront.evaluators.runtimes.litert_runtime import LiteRt
from parefront.evaluators.runtimes.runtime import ModelRejected, RuntimeUnavailable
from parefront.evaluators.trial.evaluate import TaskEvaluator
from parefront.spaces.network.emit import serialize
from parefront.spaces.task import Task
from parefront.testing.devices import DeviceConformance
from parefront.testing.networks import NETWORKS, residual
from parefront.testing.specimen import specimen

from .running import PROTOCOL, QUICK, ended_by_damage, split, with_an_operator_that_nobody_knows

RUNTIME = LiteRt()


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
    for model in (net, RUNTIME.translated(net.read_bytes())):
        session = RUNTIME.session(model)
        ports = [(p.name, list(p.shape), p.type) for p in (*session.get_inputs(), *session.get_outputs())]
        assert ports == [("input", [None, 3, 8, 8], "tensor(float)"), ("output", [None, 10], "tensor(float)")]


def test_a_fixed_batch_is_kept(conv_net: Callable[..., Path]) -> None:
    session = RUNTIME.session(conv_net(batch=4))
    assert list(session.get_inputs()[0].shape) == [4, 3, 8, 8]
    assert len(session.run(["output"], {"input": np.zeros((6, 3, 8, 8), np.float32)})[0]) == 6


def test_equal_files_give_equal_bytes(net: Path) -> None:
    assert RUNTIME.translated(net.read_bytes()) == RUNTIME.translated(net.read_bytes())


def compressed(network: str, method: str, options: dict[str, Any]) -> bytes:
    """The file of a network, compressed as far as the method goes."""
    subject = specimen(network)
    pipeline = Pipeline.of([create(method, options)], subject.graph)
    policy = pipeline.space.decode({knob.name: knob.choices[-1] for knob in pipeline.space})
    net = pipeline.apply(subject.net, policy, Context(subject.graph, subject.calibration))
    return serialize(net, subject.calibration.example)


@pytest.mark.parametrize("network", NETWORKS)
def test_8_bit_layers_are_litert_s_own(network: str) -> None:
    """Each convolution takes and gives 8-bit integers, with a bias of 32 bits."""
    content, images = compressed(network, "quantize", {"bits": [32, 8]}), specimen(network).images[:8].numpy()
    found = RUNTIME.session(content, threads=1).run(["output"], {"input": images})[0]
    expected = exact_session(content, threads=1).run(["output"], {"input": images})[0]
    assert np.abs(found - expected).max() < 0.03 * np.abs(expected).max()
    opened = Interpreter(
        model_content=RUNTIME.translated(content), experimental_op_resolver_type=OpResolverType.BUILTIN_REF
    )
    types = {told["index"]: np.dtype(told["dtype"]).name for told in opened.get_tensor_details()}
    layers = [told for told in opened._get_ops_details() if "CONV_2D" in told["op_name"]]
    assert len(layers) == sum(node.op_type == "Conv" for node in onnx.load_from_string(content).graph.node)
    for layer in layers:
        assert [types[index] for index in (*layer["inputs"], *layer["outputs"])] == ["int8", "int8", "int32", "int8"]


def test_layers_in_floats_among_8_bit_ones_are_computed_in_floats() -> None:
    subject = specimen("residual")
    pipeline = Pipeline.of([create("quantize", {"bits": [32, 8]})], subject.graph)
    policy = pipeline.space.decode({knob.name: knob.choices[place % 2] for place, knob in enumerate(pipeline.space)})
    net = pipeline.apply(subject.net, policy, Context(subject.graph, subject.calibration))
    content, images = serialize(net, subject.calibration.example), subject.images[:8].numpy()
    found = RUNTIME.session(content, threads=1).run(["output"], {"input": images})[0]
    expected = exact_session(content, threads=1).run(["output"], {"input": images})[0]
    assert np.abs(found - expected).max() < 0.03 * np.abs(expected).max()


def test_branches_are_named() -> None:
    told = (
        r"does not load the file: operator If of layer \S+ has no form there: it has no branches: leave out early_exit$"
    )
    with pytest.raises(ModelRejected, match=rf"^litert [\d.]+ {told}") as refused:
        RUNTIME.session(compressed("residual", "early_exit", {"places": 1}))
    assert len(str(refused.value).splitlines()) == 1


@pytest.mark.parametrize("content", [b"", b"no model at all", b"\x3a\xff\xff\xff", b"\x1c\0\0\0TFL3 and nothing more"])
def test_what_is_no_model_is_rejected_in_one_line(content: bytes) -> None:
    with pytest.raises(ModelRejected, match=r"^litert [\d.]+ does not load the file: .+") as refused:
        RUNTIME.session(content)
    assert len(str(refused.value).splitlines()) == 1


def test_another_precision_is_refused() -> None:
    assert RUNTIME.precision() == "f32"
    with pytest.raises(RuntimeUnavailable, match="expected a precision of auto or f32, got 'bf16'"):
        RUNTIME.precision("bf16")


def test_without_the_wheel_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch, net: Path) -> None:
    monkeypatch.setitem(sys.modules, "ai_edge_litert", None)
    with pytest.raises(RuntimeUnavailable, match=r"pip install 'parefront\[litert\]'"):
        RUNTIME.session(net)


class TestItsDevice(DeviceConformance):
    @pytest.fixture
    def device(self) -> Iterator[Device]:
        with Device(DeviceOptions(runtime="litert")) as local:
            yield local

    def test_a_run_is_told_as_a_whole(self, device: Device, net: Path) -> None:
        ran, _ = device.operators(net, net, rounds=1)
        assert [operator.kind for operator in ran.operators] == ["LiteRT"]
        assert ran.operators[0].us > 0

    def test_it_gives_what_it_gives_here(self, device: Device, net: Path) -> None:
        images = np.random.default_rng(0).standard_normal((3, 3, 8, 8)).astype(np.float32)
        here = RUNTIME.session(net, threads=1).run(["output"], {"input": images})[0]
        assert np.allclose(device.outputs(net, {"input": images})["output"], here, rtol=1e-5)

    def test_what_has_no_form_is_refused(self, device: Device, net: Path, tmp_path: Path) -> None:
        other = with_an_operator_that_nobody_knows(net, tmp_path / "other.onnx")
        with pytest.raises(RequestRefused, match=r"litert [\d.]+ does not load the file: operator Vonc of layer"):
            device.time(other, net, PROTOCOL)


def test_it_is_reached_by_a_command(net: Path) -> None:
    with Device(DeviceOptions(command=("env",), python=sys.executable, runtime="litert")) as device:
        assert device.time(net, net, PROTOCOL).candidate


def test_a_device_that_lacks_it_says_so(tmp_path: Path) -> None:
    bare = tmp_path / "python"
    bare.write_text('#!/bin/sh\nshift\nexec python3 -S -c "$@"\n')
    bare.chmod(0o755)
    with (
        Device(DeviceOptions(command=("env",), python=str(bare), runtime="litert")) as device,
        pytest.raises(DeviceError, match="cannot use litert: No module named 'ai_edge_litert'"),
    ):
        _ = device.profile


def test_hostile_models_cost_no_more_than_themselves(net: Path, tmp_path: Path) -> None:
    """Each of them is refused, kills its worker twice, or runs; the next one is served in any case."""
    ended = list(ended_by_damage("litert", net, tmp_path, 12))
    assert len(ended) <= 12


def test_candidates_are_measured_and_scored_in_it(tmp_path: Path) -> None:
    task = Task(residual()[0], split(32, 1), split(64, 2), split(64, 3))
    methods: dict[str, dict[str, Any]] = {"prune_channels": {"round_to": 4}, "quantize": {}}
    with closing(TaskEvaluator(task, methods, DeviceOptions(runtime="litert"), latency=QUICK)) as evaluator:
        assert evaluator.environment["scored"]["runtime"] == "litert"
        assert evaluator.baseline(tmp_path).metrics["accuracy"].value == 1.0
        measured = evaluator.evaluate(
            evaluator.space.uniform({"prune_channels": 0.5, "quantize": 8}), tmp_path / "small.onnx"
        )
        assert measured.metrics["latency_ratio"].value > 0
        assert 0 <= measured.metrics["accuracy"].value <= 1
