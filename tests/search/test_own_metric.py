"""Searches by a metric of the user's own that is better when lower, with the real evaluator on a tiny regression."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import onnxruntime as ort
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset
from torchmetrics import MeanSquaredError

from parefront.evaluators.device.device_options import DeviceOptions
from parefront.evaluators.device.latency import LatencyProtocol
from parefront.evaluators.results.metric import ACCURACY
from parefront.evaluators.trial.evaluate import TaskEvaluator
from parefront.search.controller import search
from parefront.search.runs.reused_run import ReusedRun
from parefront.search.runs.run import Run
from parefront.spaces.errors import ConfigError, Infeasible, TaskError
from parefront.spaces.policy import Policy
from parefront.spaces.task import Task

QUICK = LatencyProtocol(min_samples=8, min_seconds=0.01, max_seconds=0.03, warmup_seconds=0.005)
METHODS: dict[str, dict[str, Any]] = {"prune_channels": {"round_to": 4}}
LIMIT = 0.5


class Bounded(MeanSquaredError):
    """NaN where the error is above a limit."""

    limit = LIMIT

    def compute(self) -> Tensor:
        value = super().compute()
        return torch.where(value > self.limit, torch.nan, value)


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(2, 16, 3), nn.ReLU(), nn.Conv2d(16, 8, 3), nn.ReLU(), nn.Conv2d(8, 1, 1)).eval()


def split(seed: int, count: int = 64) -> TensorDataset:
    """Images whose targets are the network's own outputs, in units of their spread and with an error of 0.04."""
    generator = torch.Generator().manual_seed(seed)
    images = torch.randn(count, 2, 10, 10, generator=generator)
    with torch.no_grad():
        outputs = network()(images)
    return TensorDataset(images, outputs + 0.2 * torch.randn(outputs.shape, generator=generator))


@pytest.fixture(scope="module")
def task() -> Task:
    net = network()
    return Task(net, split(1), split(2), split(3), metric=MeanSquaredError())


@pytest.fixture(scope="module")
def searched(task: Task, tmp_path_factory: pytest.TempPathFactory) -> Run:
    evaluator = TaskEvaluator(task, METHODS, DeviceOptions(), latency=QUICK)
    config: dict[str, Any] = {"objectives": ["accuracy", "size"], "budget": ["quality <= 4x"]}
    config |= {"search": {"sampler": "random", "trials": 4, "keep_artifacts": "all"}}
    run = Run.create(tmp_path_factory.mktemp("runs") / "run", config)
    search(run, evaluator, raise_errors=True)
    evaluator.close()
    return Run.open(run.path)


def error_of(artifact: Path, data: Any) -> float:
    """By plain ONNX Runtime and torch."""
    session = ort.InferenceSession(str(artifact), providers=["CPUExecutionProvider"])
    images, targets = data.tensors
    outputs = torch.from_numpy(session.run(None, {"input": images.numpy()})[0])
    return float(nn.functional.mse_loss(outputs, targets))


def test_the_best_of_the_front_has_the_least_error(searched: Run, task: Task) -> None:
    front = searched.front
    every = [r.candidate.metrics["mean_squared_error"].value for r in searched.trials if r.candidate]
    assert front[0].metrics["mean_squared_error"].value == min(every)
    assert front.select(by="accuracy") is front.select(by="mean_squared_error")
    for candidate in front:
        assert candidate.artifact is not None
        assert candidate.metrics["mean_squared_error"].value == pytest.approx(
            error_of(candidate.artifact, task.search),
            rel=1e-4,
        )
        assert candidate.metrics["test_mean_squared_error"].value == pytest.approx(
            error_of(candidate.artifact, task.test),
            rel=1e-4,
        )


def test_all_that_a_run_writes_calls_the_metric_by_its_name(searched: Run) -> None:
    written = json.loads((searched.path / "front.json").read_text())
    assert written["metric"] == {"name": "mean_squared_error", "higher_is_better": False, "unit": "score"}
    assert written["baseline"]["mean_squared_error"]["unit"] == "score"
    assert "mean_squared_error," in (searched.path / "front.csv").read_text().splitlines()[0]
    assert "accuracy" not in written["baseline"].keys() | written["candidates"][0]["metrics"].keys()
    assert searched.settings.quality.name == "mean_squared_error"


def test_scores_are_taken_over_under_the_metrics_name_and_for_it_alone(searched: Run) -> None:
    earlier = ReusedRun.of(searched)
    assert (earlier.scores.scores(Policy()) or {}).keys() == {"mean_squared_error"}
    known = earlier.scores.scores(searched.front[0].policy, "test_") or {}
    assert known.keys() == {"test_mean_squared_error", "test_mean_squared_error_change"}
    with pytest.raises(ConfigError, match=r"was scored by mean_squared_error .* metric is accuracy"):
        earlier.check(earlier.model_sha256, searched.made_with, ACCURACY)


@pytest.fixture(scope="module")
def bounded(task: Task) -> Iterator[TaskEvaluator]:
    made = TaskEvaluator(replace(task, metric=Bounded()), METHODS, DeviceOptions(), latency=QUICK)
    yield made
    made.close()


def test_a_candidate_whose_metric_is_nan_has_a_reason(
    bounded: TaskEvaluator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bounded.baseline(tmp_path)
    strongest = Policy({knob.name: knob.choices[-1] for knob in bounded.space})
    monkeypatch.setattr(Bounded, "limit", 0.041)
    with pytest.raises(Infeasible, match="Bounded is nan over 64 samples"):
        bounded.evaluate(strongest, tmp_path / "a.onnx")


def test_an_uncompressed_model_whose_metric_is_nan_is_an_error_of_the_task(
    bounded: TaskEvaluator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Bounded, "limit", 0.001)
    with pytest.raises(
        TaskError, match="Bounded is nan over 64 samples, of the uncompressed model on the search split"
    ):
        bounded.baseline(tmp_path)
