"""A task is checked before anything is written: every fault is one line that names where it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset
from torchmetrics import MeanSquaredError

from parefront.spaces.errors import TaskError
from parefront.spaces.task import Task
from parefront.task_check.validate import check_task


def test_a_sound_task_passes_unchanged(small_task: Task) -> None:
    assert check_task(small_task).task is small_task


def test_a_loader_of_training_batches_is_left_to_the_training(small_task: Task) -> None:
    task = replace(small_task, train=DataLoader(images(), batch_size=4))
    assert check_task(task).task.train is task.train


class OnlyEvaluated(nn.Module):
    """Fails in train mode."""

    def forward(self, x: Tensor) -> Tensor:
        assert not self.training
        return x


def test_a_model_in_train_mode_is_run_in_eval_mode_and_left_in_train_mode(small_task: Task) -> None:
    model = nn.Sequential(small_task.model, OnlyEvaluated()).train()
    model[0].eval()

    checked = check_task(replace(small_task, model=model))

    assert checked.task.model is model
    assert [module.training for module in (model, *model.children())] == [True, False, True]


def images(count: int = 16, shape: tuple[int, ...] = (1, 8, 8), labels: Tensor | None = None) -> TensorDataset:
    return TensorDataset(torch.rand(count, *shape), torch.arange(count) % 4 if labels is None else labels)


def with_nan(task: Task) -> Task:
    with torch.no_grad():
        task.model.get_parameter("0.weight")[3, 0, 1, 1] = float("nan")
    return task


class Ragged(list[tuple[Tensor, int]]):
    """Images of two sizes."""

    def __init__(self) -> None:
        super().__init__([(torch.rand(1, 8, 8), 0), (torch.rand(1, 9, 8), 1)])


FAULTS: dict[str, tuple[Callable[[Task], Task], str]] = {
    "no model": (lambda t: replace(t, model=cast(Any, "resnet18")), "task.model: expected a torch.nn.Module, got str"),
    "NaN weights": (with_nan, "task.model: parameter '0.weight' of shape (16, 1, 3, 3) holds 1 NaN or infinite value"),
    "half precision": (
        lambda t: replace(t, model=t.model.half()),
        "task.model: parameter '0.weight' is torch.float16, expected float32; call model.float()",
    ),
    "empty split": (
        lambda t: replace(t, search=images(0)),
        "task.search: the search split is empty; expected at least one (input, target)",
    ),
    "no dataset": (
        lambda t: replace(t, test=cast(Any, iter([]))),
        "task.test: expected a map-style dataset with __len__ and __getitem__, got list_iterator",
    ),
    "no pairs": (
        lambda t: replace(t, search=TensorDataset(torch.rand(4, 1, 8, 8))),
        "task.search: sample 0: expected (input, target), got tuple of 1",
    ),
    "no tensors": (
        lambda t: replace(t, calibration=[("cat.png", 0)]),
        "task.calibration: sample 0: expected a float32 tensor as input, got str",
    ),
    "whole numbers": (
        lambda t: replace(t, calibration=[(torch.zeros(1, 8, 8, dtype=torch.uint8), 0)]),
        "(the input is torch.uint8; give float32 where the model does not convert it)",
    ),
    "double precision": (
        lambda t: replace(t, calibration=[(torch.zeros(1, 8, 8, dtype=torch.float64), 0)]),
        "task.calibration: sample 0: expected a float32 tensor as input, got torch.float64",
    ),
    "label out of range": (
        lambda t: replace(t, search=images(labels=torch.arange(16) % 5)),
        "is out of range; the model has 4 classes, expected 0 to 3",
    ),
    "labels from one": (
        lambda t: replace(t, test=images(4, labels=torch.tensor([1, 2, 3, 4]))),
        "task.test: label 4 of sample 3 is out of range",
    ),
    "one-hot labels": (
        lambda t: replace(t, search=images(4, labels=torch.eye(4))),
        "task.search: sample 0: expected a class index as target, got a tensor of shape (4,) and type torch.float32",
    ),
    "wrong channels": (
        lambda t: replace(t, calibration=images(shape=(3, 8, 8)), search=images(shape=(3, 8, 8))),
        "model failed on an input of shape (1, 3, 8, 8) from the calibration split:",
    ),
    "splits of two shapes": (
        lambda t: replace(t, search=images(shape=(1, 9, 9))),
        "task.search: inputs have shape (1, 9, 9), those of the calibration split (1, 8, 8)",
    ),
    "ragged split": (lambda t: replace(t, search=Ragged()), "task.search: sample 1 has shape (1, 9, 8), sample 0 has"),
    "NaN image": (
        lambda t: replace(t, test=TensorDataset(torch.full((4, 1, 8, 8), float("nan")), torch.zeros(4).long())),
        "has NaN",
    ),
    "two outputs": (
        lambda t: replace(t, model=Twice()),
        "task.metric: 'accuracy' is of one output, and the model returns output_0, output_1; give a function",
    ),
    "no batch axis": (lambda t: replace(t, model=Summed()), "expected an output with a batch axis of 1"),
    "no classes": (
        lambda t: replace(t, model=nn.Identity()),
        "model: expected class scores of shape (batch, classes) for the metric 'accuracy', got (4, 1, 8, 8)",
    ),
    "one logit": (
        lambda t: replace(t, model=nn.Sequential(nn.Flatten(), nn.Linear(64, 1))),
        "metric=torchmetrics.classification.BinaryAccuracy(), and targets 0 or 1 of shape (1,) and type int64",
    ),
    "unknown metric": (lambda t: replace(t, metric="top5"), "task.metric: unknown 'top5'"),
}


class Twice(nn.Module):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x, x


class Summed(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.sum()


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_told_in_one_line(small_task: Task, fault: str) -> None:
    broken, message = FAULTS[fault]

    with pytest.raises(TaskError) as caught:
        check_task(broken(small_task))

    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_labels_are_not_looked_at_for_a_metric_of_the_users_own(small_task: Task) -> None:
    targets = images(labels=torch.rand(16, 4))
    check_task(replace(small_task, metric=MeanSquaredError(), search=targets, test=targets))
