"""Joining a search: an evaluator in another process takes over what was timed, and gives the same candidates."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.utils.data import TensorDataset

from parefront.evaluators.device.device import Device
from parefront.evaluators.device.device_options import DeviceOptions
from parefront.evaluators.device.latency import LatencyProtocol
from parefront.evaluators.device.link import DeviceLink
from parefront.evaluators.results.candidate import Candidate
from parefront.evaluators.trial.evaluate import TaskEvaluator
from parefront.evaluators.trial.shared_files import shared_files
from parefront.spaces.errors import TaskError
from parefront.spaces.files import UnreadableFile
from parefront.spaces.policy import Policy
from parefront.spaces.task import Task
from parefront.testing.networks import plain, residual

QUICK = LatencyProtocol(min_samples=8, min_seconds=0.01, max_seconds=0.03, warmup_seconds=0.005)
POLICY = Policy({"quantize/5.0": 8})


class Counting(Device):
    """A device that counts the readings it is asked for."""

    readings = 0

    def time(self, *args, **kwargs):  # type: ignore[no-untyped-def]
        self.readings += 1
        return super().time(*args, **kwargs)


def split(count: int, seed: int) -> TensorDataset:
    images = torch.randn(count, 3, 16, 16, generator=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        return TensorDataset(images, plain()[0](images).argmax(1))


def evaluator_of(task: Task, device: DeviceLink) -> TaskEvaluator:
    return TaskEvaluator(
        task, {"quantize": {}}, DeviceOptions(), latency=QUICK, racing=False, open_device=lambda name, options: device
    )


@pytest.fixture(scope="module")
def task() -> Task:
    return Task(plain()[0], split(64, 1), split(128, 2), split(64, 3))


@pytest.fixture(scope="module")
def begun(task: Task, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Candidate, Candidate]]:
    """The folder of a search that was begun, its uncompressed model, and a candidate."""
    folder = tmp_path_factory.mktemp("begun")
    with closing(evaluator_of(task, Device())) as evaluator:
        baseline = evaluator.baseline(folder)
        yield folder, baseline, evaluator.evaluate(POLICY, folder / "candidate.onnx")


def test_what_was_timed_is_taken_over_and_candidates_are_the_same(
    task: Task, begun: tuple[Path, Candidate, Candidate], tmp_path: Path
) -> None:
    folder, baseline, candidate = begun
    device = Counting()
    shutil.copy(folder / "anchors.json", tmp_path)
    with closing(evaluator_of(task, device)) as evaluator:
        evaluator.join(tmp_path, baseline)
        assert device.readings == 0
        again = evaluator.evaluate(POLICY, tmp_path / "candidate.onnx")

    assert device.readings > 0
    assert again.sha256 == candidate.sha256
    for key in ("accuracy", "accuracy_change", "divergence", "size_bytes", "macs"):
        assert again.metrics[key] == candidate.metrics[key]


def test_another_model_is_refused(task: Task, begun: tuple[Path, Candidate, Candidate], tmp_path: Path) -> None:
    folder, baseline, _ = begun
    shutil.copy(folder / "anchors.json", tmp_path)
    other = replace(baseline, sha256="0" * 64)
    with closing(evaluator_of(task, Device())) as evaluator, pytest.raises(TaskError, match="another file"):
        evaluator.join(tmp_path, other)


def test_without_the_anchors_there_is_nothing_to_join(
    task: Task, begun: tuple[Path, Candidate, Candidate], tmp_path: Path
) -> None:
    _, baseline, _ = begun
    with (
        closing(evaluator_of(task, Device())) as evaluator,
        pytest.raises(UnreadableFile, match="uncompressed_ms"),
    ):
        evaluator.join(tmp_path, baseline)


def test_what_was_trained_before_the_search_is_taken_over(tmp_path: Path) -> None:
    """Heads of early exits, which would otherwise be trained in every process."""
    task, methods = Task(residual()[0], split(64, 1), split(64, 2), split(64, 3)), {"early_exit": {"steps": 2}}

    def joining() -> TaskEvaluator:
        return TaskEvaluator(task, methods, DeviceOptions(), latency=QUICK, racing=False)

    here, there = tmp_path / "here", tmp_path / "there"
    there.mkdir()
    with closing(joining()) as evaluator:
        baseline = evaluator.baseline(here)
        policy = Policy({next(iter(evaluator.space)).name: 0.9})
        whole = evaluator.evaluate(policy, here / "x.onnx")
    for file in shared_files(here):
        shutil.copy(file, there)
    with closing(joining()) as evaluator:
        evaluator.join(there, baseline)
        assert evaluator.evaluate(policy, there / "x.onnx").sha256 == whole.sha256
    assert not list(there.glob("preparing-*"))
