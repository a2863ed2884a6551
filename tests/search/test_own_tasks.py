"""Searches of trained networks that do no classification, each member checked by torch from its file alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import parefront as pf
from parefront.spaces.task import Dataset, Task

from ..evaluators.average_precision import average_precision
from .own_tasks import (
    Boxes,
    detector,
    label_data,
    multi_label,
    regression,
    regression_data,
    segment_data,
    segmentation,
    task,
)

QUICK = {"min_samples": 8, "min_seconds": 0.01, "max_seconds": 0.03, "warmup_seconds": 0.005}
METHODS: dict[str, dict[str, Any]] = {"prune_channels": {"round_to": 4}}
Score = Callable[[Tensor, Any], float]


def f1_of(outputs: Tensor, targets: Tensor) -> float:
    """Label by label, by counting."""
    found = []
    for given, true in zip((outputs > 0).T, targets.bool().T, strict=True):
        both = int((given & true).sum())
        found.append(2 * both / (2 * both + int((given ^ true).sum())))
    return float(np.mean(found))


def iou_of(outputs: Tensor, targets: Tensor) -> float:
    """Class by class, over the pixels of all images."""
    given = outputs.argmax(1)
    shares = [((given == c) & (targets == c)).sum() / ((given == c) | (targets == c)).sum() for c in range(3)]
    return float(torch.stack(shares).mean())


@dataclass(frozen=True)
class Case:
    """A task, how torch scores outputs, and a budget that bounds the metric."""

    make: Callable[[], Task]
    name: str
    score: Score
    budget: str
    least: bool = False


CASES = {
    "regression": Case(
        lambda: task(regression(), regression_data, "mse"),
        "mse",
        lambda o, t: float(F.mse_loss(o, t)),
        "mse <= 20x",
        least=True,
    ),
    "labels": Case(lambda: task(multi_label(), label_data, "f1"), "f1", f1_of, "f1 >= -20pt"),
    "segmentation": Case(lambda: task(segmentation(), segment_data, "miou"), "miou", iou_of, "miou >= 0.4"),
    "boxes": Case(
        lambda: Task(detector(), Boxes(1), Boxes(2), Boxes(3), metric="map"), "map", average_precision, "map >= 0.3x"
    ),
}


@dataclass(frozen=True)
class Searched:
    case: Case
    task: Task
    run: pf.Run
    scores: dict[tuple[Path | None, str], float] = field(default_factory=dict)

    def outputs(self, artifact: Path | None, split: Dataset) -> tuple[Tensor, Any]:
        """By plain ONNX Runtime, one image at a time, and the targets."""
        session = ort.InferenceSession(str(artifact), providers=["CPUExecutionProvider"])
        images, targets = zip(*(split[index] for index in range(len(split))), strict=True)
        outputs = [session.run(None, {"input": image[None].numpy()})[0] for image in images]
        stacked = torch.stack(targets) if isinstance(targets[0], Tensor) else list(targets)
        return torch.from_numpy(np.concatenate(outputs)), stacked

    def score(self, artifact: Path | None, split: str) -> float:
        """By torch alone, of a split of the task; worked out once for each file."""
        key = (artifact, split)
        if key not in self.scores:
            self.scores[key] = self.case.score(*self.outputs(artifact, getattr(self.task, split)))
        return self.scores[key]


@pytest.mark.parametrize("name", CASES)
def test_a_search_is_by_the_tasks_own_metric(name: str, tmp_path: Path) -> None:
    """One test for each task, since its search takes seconds."""
    case = CASES[name]
    given = case.make()
    run = pf.compress(
        given,
        case.budget,
        trials=5,
        objectives=(case.name, "size"),
        compress=METHODS,
        search={"sampler": "random", "keep_artifacts": "all"},
        latency=QUICK,
        run=tmp_path / name,
        progress=False,
    )
    searched = Searched(case, given, run)
    every_member_has_the_score_that_torch_gives_its_file(searched)
    the_change_is_against_the_uncompressed_model(searched)
    the_best_of_the_front_is_the_best_of_all(searched)
    the_budget_on_it_holds_of_what_is_chosen(searched)
    all_that_is_written_calls_it_by_its_name(searched)


def every_member_has_the_score_that_torch_gives_its_file(searched: Searched) -> None:
    name = searched.case.name
    for candidate in searched.run.front:
        for prefix, split in (("", "search"), ("test_", "test")):
            measured = candidate.metrics[f"{prefix}{name}"]
            expected = searched.score(candidate.artifact, split)
            assert measured.value == pytest.approx(expected, rel=1e-3, abs=1e-4)
            assert measured.low < measured.value < measured.high
            assert measured.n == len(getattr(searched.task, split))


def the_change_is_against_the_uncompressed_model(searched: Searched) -> None:
    name = searched.case.name
    base = searched.run.baseline.metrics[name].value
    for candidate in searched.run.front:
        change = candidate.metrics[f"{name}_change"]
        assert change.value == pytest.approx(candidate.metrics[name].value - base, abs=1e-6)
        assert change.low <= change.value <= change.high


def the_best_of_the_front_is_the_best_of_all(searched: Searched) -> None:
    """By the scores of torch: the least error, the greatest of all others."""
    front, name = searched.run.front, searched.case.name
    every = {
        record.number: searched.score(record.candidate.artifact, "search")
        for record in searched.run.trials
        if record.candidate is not None
    }
    best = min(every.values()) if searched.case.least else max(every.values())
    assert every[front.select(by=name).trial or 0] == pytest.approx(best, rel=1e-3)
    assert front.select(by=name) is front.select(by="accuracy")
    values = [candidate.metrics[name].value for candidate in front]
    assert values == sorted(values, reverse=not searched.case.least)


def the_budget_on_it_holds_of_what_is_chosen(searched: Searched) -> None:
    base = searched.score(searched.run.baseline.artifact, "search")
    chosen = searched.run.front.select(by="size")
    found = searched.score(chosen.artifact, "search")
    holds = {
        "mse <= 20x": found <= 20 * base,
        "f1 >= -20pt": found >= base - 0.2,
        "miou >= 0.4": found >= 0.4,
        "map >= 0.3x": found >= 0.3 * base,
    }
    assert holds[searched.case.budget]


def all_that_is_written_calls_it_by_its_name(searched: Searched) -> None:
    name = searched.case.name
    written = json.loads((searched.run.path / "front.json").read_text())
    assert written["metric"]["name"] == name
    assert written["metric"]["higher_is_better"] is not searched.case.least
    heading = (searched.run.path / "front.csv").read_text().splitlines()[0].split(",")
    assert {name, f"{name}_low", f"{name}_high", f"{name}_change", f"test_{name}"} <= set(heading)
    for found in (written["baseline"], *(candidate["metrics"] for candidate in written["candidates"])):
        assert not any("accuracy" in key for key in found)
