"""Several runtimes in one search: each candidate is built for, scored in and timed in the one its policy names."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import TensorDataset

from parefront.evaluators.device.device import Device
from parefront.evaluators.device.device_options import DeviceOptions
from parefront.evaluators.device.errors import DeviceError
from parefront.evaluators.device.latency import LatencyProtocol, measure
from parefront.evaluators.results.candidate import Candidate
from parefront.evaluators.runtimes.choice import RuntimeChoice
from parefront.evaluators.runtimes.openvino_runtime import OpenVino
from parefront.evaluators.storage.provenance import made_for, runtime_of_file
from parefront.evaluators.trial.builder import Builder
from parefront.evaluators.trial.evaluate import TaskEvaluator, anchor_in_words
from parefront.spaces.policy import Policy
from parefront.spaces.runtime_knob import RUNTIME
from parefront.spaces.task import Task
from parefront.testing.networks import residual

pytestmark = pytest.mark.skipif(importlib.util.find_spec("openvino") is None, reason="OpenVINO is not installed")

QUICK = LatencyProtocol(min_samples=4, min_seconds=0.01, max_seconds=0.05, warmup_seconds=0.0, half_width=0.5)
METHODS: dict[str, dict[str, Any]] = {"quantize": {"bits": [32, 8]}, "share_weights": {"clusters": [16]}}
THERE = "openvino:f32"
SEVERAL = DeviceOptions(others=(RuntimeChoice("openvino", "f32"),))


def split(count: int, seed: int) -> TensorDataset:
    images = torch.randn(count, 3, 16, 16, generator=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        return TensorDataset(images, residual()[0](images).argmax(1))


def task() -> Task:
    return Task(residual()[0], split(32, 1), split(64, 2), split(64, 3))


@pytest.fixture(scope="module")
def evaluator() -> Iterator[TaskEvaluator]:
    with closing(TaskEvaluator(task(), METHODS, SEVERAL, latency=QUICK)) as made:
        yield made


@pytest.fixture(scope="module")
def baseline(evaluator: TaskEvaluator, tmp_path_factory: pytest.TempPathFactory) -> Candidate:
    return evaluator.baseline(tmp_path_factory.mktemp("artifacts"))


def test_the_runtime_is_a_knob_whose_neutral_choice_is_the_first(evaluator: TaskEvaluator) -> None:
    knob = evaluator.space[RUNTIME]
    assert (knob.choices, knob.neutral) == (("onnxruntime", THERE), "onnxruntime")
    assert evaluator.environment["runtimes"] == ["onnxruntime", THERE]
    assert [told["runtime"] for told in evaluator.environment["scored_in"]] == ["openvino"]
    assert evaluator.environment["device"]["others"][0]["name"] == THERE


def test_one_runtime_adds_no_knob_and_changes_no_bytes(evaluator: TaskEvaluator, tmp_path: Path) -> None:
    alone = Builder(task(), METHODS, evaluator.builder.context.target)
    assert RUNTIME not in {knob.name for knob in alone.space}
    policy = alone.space.uniform({"share_weights": 16})
    for builder, name in ((alone, "alone"), (evaluator.builder, "several")):
        builder.build(policy, tmp_path / f"{name}.onnx")
    assert (tmp_path / "alone.onnx").read_bytes() == (tmp_path / "several.onnx").read_bytes()


def test_a_candidate_is_scored_in_its_own_runtime(
    evaluator: TaskEvaluator, baseline: Candidate, tmp_path: Path
) -> None:
    images, labels = split(64, 2).tensors
    everywhere = evaluator.space.uniform({"quantize": 8})
    measured = evaluator.evaluate(Policy({**everywhere, RUNTIME: THERE}), tmp_path / "int8.onnx")
    assert runtime_of_file((tmp_path / "int8.onnx").read_bytes()) == THERE
    session = OpenVino().session(tmp_path / "int8.onnx", "f32")
    (logits,) = session.run(["output"], {"input": images.numpy()})
    assert measured.metrics["accuracy"].value == pytest.approx((np.argmax(logits, 1) == labels.numpy()).mean())
    final = evaluator.finalise(measured)
    assert final.metrics["test_accuracy"].n == 64


def test_packed_weights_are_plain_only_where_the_runtime_needs_it(evaluator: TaskEvaluator, tmp_path: Path) -> None:
    policy = evaluator.space.uniform({"share_weights": 16})
    sizes = {}
    for runtime in ("", THERE):
        chosen = Policy({**policy, **({RUNTIME: runtime} if runtime else {})})
        made = evaluator.builder.build(chosen, tmp_path / f"{runtime or 'first'}.onnx").candidate
        sizes[runtime] = made.metrics["size_bytes"].value
    assert sizes[""] < sizes[THERE]
    evaluator.builder.emit_again(Policy({**policy, RUNTIME: THERE}), tmp_path / "again.onnx")
    assert (tmp_path / "again.onnx").read_bytes() == (tmp_path / f"{THERE}.onnx").read_bytes()


def test_candidates_are_timed_against_what_is_alike_in_the_same_runtime(
    evaluator: TaskEvaluator, baseline: Candidate
) -> None:
    everywhere = evaluator.space.uniform({"quantize": 8})
    bases = evaluator.bases
    assert set(bases) == {Policy({RUNTIME: THERE}), everywhere, Policy({**everywhere, RUNTIME: THERE})}
    anchors = evaluator.clock.main.anchors
    one = next(name for name in everywhere)
    assert anchors.nearest(Policy({RUNTIME: THERE, one: 8})).policy == Policy({RUNTIME: THERE})
    almost = {name: 8 for name in everywhere if name != one}
    assert anchors.nearest(Policy({RUNTIME: THERE, **almost})).policy == Policy({**everywhere, RUNTIME: THERE})
    assert anchors.nearest(Policy(almost)).policy == everywhere


def test_anchors_are_told_by_what_they_are() -> None:
    assert anchor_in_words(Policy({"quantize/conv1": 8})) == "the quantised model"
    assert anchor_in_words(Policy({RUNTIME: THERE})) == f"the uncompressed model in {THERE}"


def test_one_worker_times_files_of_two_runtimes_in_turn(conv_net: Any, tmp_path: Path) -> None:
    here, there = conv_net(), tmp_path / "there.onnx"
    there.write_bytes(made_for(here.read_bytes(), THERE))
    with Device(SEVERAL) as device:
        assert device.profile.all_run_on[1].startswith("openvino ")
        timed = measure(device, there, here, QUICK)
        assert timed.ratio.value > 0
        listed, _ = device.operators(there, here, rounds=1)
        assert {operator.provider for operator in listed.operators} == {"openvino"}
        elsewhere = tmp_path / "elsewhere.onnx"
        elsewhere.write_bytes(made_for(here.read_bytes(), "ncnn"))
        with pytest.raises(DeviceError, match=r"is for ncnn, which is not among onnxruntime, openvino:f32"):
            measure(device, elsewhere, here, QUICK)
