"""What a task is told apart by, and that tasks which give the same results are not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import torchmetrics
from torch import Tensor, nn
from torch.utils.data import Dataset, TensorDataset

from parefront.search.runs.identity.fingerprint import Fingerprint
from parefront.search.runs.identity.task_fingerprint import fingerprint_of
from parefront.spaces.files import write_json
from parefront.spaces.task import Task


class Net(nn.Module):
    """Two layers; ``scale`` is an attribute that no module prints."""

    def __init__(self, width: int = 4, scale: float = 1.0) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.head, self.scale = nn.Conv2d(1, width, 3), nn.Linear(width, 3), scale

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(self.conv(x).relu().mean((2, 3))) * self.scale
        return out


class Flipped(Dataset[Any]):
    """A split with a random transform."""

    def __init__(self, length: int = 20) -> None:
        self._length = length

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return torch.rand(1, 6, 6), index % 3


def split(seed: int, shift: int = 0) -> TensorDataset:
    images = torch.rand(12, 1, 6, 6, generator=torch.Generator().manual_seed(seed))
    return TensorDataset(images, (torch.arange(12) + shift) % 3)


def a_task(**changes: Any) -> Task:
    return replace(Task(Net().eval(), split(0), split(1), split(2)), **changes)


def trained() -> nn.Module:
    net = Net()
    with torch.no_grad():
        net.head.bias[0] += 1e-3
    return net


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (lambda: {"model": Net(width=5)}, "another architecture; other weights"),
        (lambda: {"model": trained()}, "other weights (SHA-256 "),
        (lambda: {"model": Net(scale=2.0)}, "other outputs of the model for one and the same input"),
        (lambda: {"calibration": split(3)}, "another calibration split (SHA-256 "),
        (lambda: {"search": split(1, shift=1)}, "another search split (SHA-256 "),
        (lambda: {"test": [split(2)[0]]}, "another test split (12 samples there, 1 here)"),
        (lambda: {"search": Flipped(12)}, "another search split (it reads differently each time here)"),
        (lambda: {"metric": torchmetrics.MeanSquaredError()}, "another metric (name accuracy there, MeanSquaredError"),
    ],
)
def test_what_another_task_differs_in_is_named(changes: Callable[[], dict[str, Any]], says: str) -> None:
    there, here = fingerprint_of(a_task()), fingerprint_of(a_task(**changes()))
    assert "; ".join(there.differences(here)).startswith(says)


def test_a_metric_with_other_settings_is_another_one_and_what_it_has_counted_is_none() -> None:
    def fingerprint(top_k: int, seen: int) -> Fingerprint:
        metric = torchmetrics.Accuracy(task="multiclass", num_classes=3, top_k=top_k)
        for _ in range(seen):
            metric.update(torch.rand(4, 3), torch.tensor([0, 1, 2, 0]))
        return fingerprint_of(a_task(metric=metric))

    assert fingerprint(1, seen=0).differences(fingerprint(1, seen=3)) == []
    assert fingerprint(1, seen=0).differences(fingerprint(2, seen=0)) == ["another metric (top_k 1 there, 2 here)"]


def test_the_same_task_made_again_is_the_same_and_training_mode_tells_nothing() -> None:
    assert fingerprint_of(a_task()).differences(fingerprint_of(a_task(model=Net().train()))) == []


def test_of_a_split_that_reads_differently_each_time_the_length_alone_is_compared() -> None:
    known = fingerprint_of(a_task(calibration=Flipped(20)))
    assert known.differences(fingerprint_of(a_task(calibration=Flipped(20)))) == []
    assert known.differences(fingerprint_of(a_task(calibration=Flipped(21)))) == [
        "another calibration split (20 samples there, 21 here)"
    ]


def test_it_is_read_as_it_was_written(tmp_path: Path) -> None:
    known = fingerprint_of(a_task(metric=torchmetrics.MeanSquaredError()))
    write_json(tmp_path / "task.json", known.to_json())
    assert Fingerprint.read(tmp_path / "task.json") == known
