"""OpenVINO on this machine: what it computes, in which precision, and that a device runs it as any other."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("openvino", reason="the extra `openvino` is not installed")

from parefront.evaluators.device.device import Device
from parefront.evaluators.device.device_options import DeviceOptions
from parefront.evaluators.device.errors import DeviceError, RequestRefused
from parefront.evaluators.device.lock import THIS_MACHINE, shared
from parefront.evaluators.explain.shares import layer_shares
from parefront.evaluators.quality.inference import fixed_batch, run_outputs
from parefront.evaluators.restore.exact_session import exact_session
from parefront.evaluators.restore.plain import is_packed
from parefront.evaluators.runtimes import openvino_model, registry
from parefront.evaluators.runtimes.batches import BATCH
from parefront.evaluators.runtimes.openvino_runtime import OpenVino
from parefront.evaluators.runtimes.runtime import ModelRejected, RuntimeUnavailable
from parefront.evaluators.trial.evaluate import TaskEvaluator
from parefront.evaluators.trial.scores.scored_in import scored_in
from parefront.spaces.policy import Policy
from parefront.spaces.task import Task
from parefront.testing.devices import DeviceConformance
from parefront.testing.networks import residual

from .running import PROTOCOL, QUICK, ended_by_damage, split, with_an_operator_that_nobody_knows

RUNTIME = OpenVino()


@pytest.mark.parametrize("count", [1, 5, BATCH, BATCH + 7])
def test_any_number_of_inputs_gives_what_onnxruntime_gives(net: Path, count: int) -> None:
    images = np.random.default_rng(0).standard_normal((count, 3, 8, 8)).astype(np.float32)
    session = RUNTIME.session(net, "f32")
    found = session.run(["output"], {"input": images})[0]
    expected = exact_session(net).run(["output"], {"input": images})[0]
    assert found.shape == expected.shape == (count, 10)
    assert np.abs(found - expected).max() < 1e-4 * np.abs(expected).max()


def test_a_file_is_compiled_once_for_all_batches(monkeypatch: pytest.MonkeyPatch, net: Path) -> None:
    opened = openvino_model.Model(net.read_bytes(), {"threads": 1, "precision": "f32"})
    monkeypatch.setattr(openvino_model, "Model", lambda content, options: opened)
    session = RUNTIME.session(net, "f32")
    images = np.zeros((150, 3, 8, 8), np.float32)
    assert fixed_batch(session) is None
    assert len(run_outputs(session, images)) == 150
    assert len(opened.compiled) == 1


def test_a_fixed_batch_is_kept(conv_net: Callable[..., Path]) -> None:
    session = RUNTIME.session(conv_net(batch=4), "f32")
    assert fixed_batch(session) == 4
    assert len(run_outputs(session, np.zeros((6, 3, 8, 8), np.float32))) == 6


def test_it_says_what_a_file_takes_and_gives(net: Path) -> None:
    session = RUNTIME.session(net, "f32")
    assert [(port.name, list(port.shape), port.type) for port in session.get_inputs()] == [
        ("input", [None, 3, 8, 8], "tensor(float)")
    ]
    assert [port.name for port in session.get_outputs()] == ["output"]


def test_a_precision_that_the_processor_has_not_is_refused(monkeypatch: pytest.MonkeyPatch, net: Path) -> None:
    class Old:
        def get_property(self, device: str, name: str) -> Any:
            return ["FP32", "INT8"]

    monkeypatch.setattr(openvino_model, "core", Old)
    with pytest.raises(RuntimeUnavailable, match="does not compute in bf16; it has FP32, INT8"):
        RUNTIME.session(net, "bf16")


def test_a_file_that_it_does_not_load_is_rejected_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "broken.onnx").write_bytes(b"no model at all")
    with pytest.raises(ModelRejected, match=r"^openvino 20[\d.]+ does not load the file: .+$") as caught:
        RUNTIME.session(tmp_path / "broken.onnx")
    assert len(str(caught.value).splitlines()) == 1


def test_without_the_wheel_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch, net: Path) -> None:
    monkeypatch.setitem(__import__("sys").modules, "openvino", None)
    with pytest.raises(RuntimeUnavailable, match=r"pip install 'parefront\[openvino\]'"):
        RUNTIME.session(net)


class TestItsDevice(DeviceConformance):
    @pytest.fixture
    def device(self) -> Iterator[Device]:
        with Device(DeviceOptions(runtime="openvino")) as local:
            yield local

    def test_it_tells_which_part_of_a_run_each_layer_takes(self, device: Device, conv_net: Callable[..., Path]) -> None:
        large = conv_net(channels=64, depth=3, size=(32, 32))
        shares = layer_shares(device, large, large)
        assert 0.5 < sum(shares.values()) <= 1.001
        assert len(shares) >= 3

    def test_what_it_does_not_load_is_refused(self, device: Device, net: Path, tmp_path: Path) -> None:
        other = with_an_operator_that_nobody_knows(net, tmp_path / "other.onnx")
        with pytest.raises(RequestRefused, match=r"openvino 20[\d.]+ rejects the model"):
            device.time(other, net, PROTOCOL)


def test_hostile_models_cost_no_more_than_themselves(net: Path, tmp_path: Path) -> None:
    """Each of them is refused, kills its worker twice, or runs; the next one is served in any case."""
    ended = list(ended_by_damage("openvino", net, tmp_path, 12))
    assert "RequestRefused" in ended


def test_a_device_that_lacks_it_says_so(tmp_path: Path) -> None:
    bare = tmp_path / "python"
    bare.write_text('#!/bin/sh\nshift\nexec python3 -S -c "$@"\n')
    bare.chmod(0o755)
    with (
        Device(DeviceOptions(command=("env",), python=str(bare), runtime="openvino")) as device,
        pytest.raises(DeviceError, match="cannot use openvino: No module named 'openvino'; pip install openvino"),
    ):
        _ = device.profile


class Elsewhere(OpenVino):
    """Another version on this machine than on the device."""

    def version(self) -> str | None:
        return "2025.1.0"


def test_what_is_computed_otherwise_here_is_scored_on_the_device(
    net: Path, monkeypatch: pytest.MonkeyPatch, conv_net: Callable[..., Path]
) -> None:
    monkeypatch.setitem(registry.BUILT_IN, "openvino", Elsewhere)
    images = np.random.default_rng(0).standard_normal((BATCH + 7, 3, 8, 8)).astype(np.float32)
    with Device(DeviceOptions(runtime="openvino", precision="f32")) as device:
        scored = scored_in(device, lambda: device.profile)
        assert scored.why == (f"another openvino ({device.profile.runtime_version} on the device, 2025.1.0 here)",)
        assert scored.to_json()["scored"]["on"] == "the device"
        session = scored.opens(net)
        assert [(port.name, port.shape[1:], port.type) for port in session.get_inputs()] == [
            ("input", [3, 8, 8], "tensor(float)")
        ]
        with shared(THIS_MACHINE):  # as whoever scores holds it
            found = run_outputs(session, images)
        broken = with_an_operator_that_nobody_knows(net, net.with_name("broken.onnx"))
        with pytest.raises(ModelRejected, match=r"on this machine: openvino 20[^ ]+ rejects the model"):
            run_outputs(scored.opens(broken), images)
    expected = run_outputs(RUNTIME.session(net, "f32", threads=1), images)
    assert isinstance(found, np.ndarray)
    assert isinstance(expected, np.ndarray)
    assert np.array_equal(found, expected)


def test_other_instructions_or_no_wheel_here_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with Device(DeviceOptions(runtime="openvino")) as device:
        here = replace(device.profile, flags=(*device.profile.flags, "sve2"))
        assert scored_in(device, lambda: here).why == ("other instructions of the CPU (sve2)",)
        assert scored_in(device, lambda: device.profile).why == ()
        monkeypatch.setattr(OpenVino, "version", lambda self: None)
        assert scored_in(device, lambda: device.profile).why == ("openvino is not installed on this machine",)


@pytest.fixture(scope="module")
def evaluator() -> Iterator[TaskEvaluator]:
    task = Task(residual()[0], split(32, 1), split(64, 2), split(64, 3))
    methods: dict[str, dict[str, Any]] = {"quantize": {"bits": [32, 8]}, "share_weights": {"clusters": [16]}}
    options = DeviceOptions(runtime="openvino", precision="f32")
    with closing(TaskEvaluator(task, methods, options, latency=QUICK)) as made:
        yield made


def test_candidates_are_scored_in_the_runtime_of_their_device(evaluator: TaskEvaluator, tmp_path: Path) -> None:
    told = evaluator.environment
    assert told["scored"] == {"runtime": "openvino", "precision": "f32", "on": "this machine", "because": []}
    assert told["device"]["runtime"] == "openvino"
    made = evaluator.baseline(tmp_path)
    assert made.metrics["accuracy"].value == 1.0
    policy = evaluator.space.uniform({"quantize": 8})
    measured = evaluator.evaluate(policy, tmp_path / "int8.onnx")
    outputs = run_outputs(RUNTIME.session(tmp_path / "int8.onnx", "f32"), split(64, 2).tensors[0].numpy())
    assert isinstance(outputs, np.ndarray)
    right = outputs.argmax(1) == split(64, 2).tensors[1].numpy()
    assert measured.metrics["accuracy"].value == pytest.approx(right.mean())
    final = evaluator.finalise(measured)
    assert final.metrics["test_accuracy"].value > 0.5


def test_artefacts_are_files_that_it_loads(evaluator: TaskEvaluator, tmp_path: Path) -> None:
    policy = evaluator.space.uniform({"share_weights": 16})
    assert policy != Policy()
    built = evaluator.builder.build(policy, tmp_path / "shared.onnx")
    content = (tmp_path / "shared.onnx").read_bytes()
    assert not is_packed(content)
    assert built.candidate.metrics["size_bytes"].value == len(content)
    evaluator.builder.emit_again(policy, tmp_path / "again.onnx")
    assert (tmp_path / "again.onnx").read_bytes() == content


def test_nobody_is_told_that_it_is_used() -> None:
    """Its wheel forks a process for that when it is imported, which hangs where another thread reads standard input."""
    program = (
        "import sys; from parefront.evaluators.runtimes.openvino_model import core; core(); "
        "sys.exit('openvino_telemetry' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
