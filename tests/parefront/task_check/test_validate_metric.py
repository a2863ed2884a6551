"""A metric is called before anything is written: what is none, or gives no number, is one clear line."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset
from torchmetrics import ConfusionMatrix, MeanMetric, MeanSquaredError, Metric, MetricCollection
from torchmetrics.classification import MulticlassAccuracy

from parefront.spaces.errors import TaskError
from parefront.spaces.task import Task
from parefront.task_check.validate import check_task


class Watched(Metric):
    """The share that is right; NaN until it has seen more than ``floor`` samples."""

    higher_is_better = True
    seen: Tensor
    right: Tensor

    def __init__(self, floor: float = 0.0) -> None:
        super().__init__()
        self.floor = floor
        self.add_state("right", torch.tensor(0.0))
        self.add_state("seen", torch.tensor(0.0))

    def update(self, preds: Tensor, target: Tensor) -> None:
        self.right += (preds.argmax(1) == target).sum()
        self.seen += len(target)

    def compute(self) -> Tensor:
        return self.right / self.seen if self.seen > self.floor else torch.tensor(float("nan"))


def test_a_sound_metric_is_left_reset(small_task: Task) -> None:
    metric = Watched()
    metric.update(torch.eye(4), torch.arange(4))
    checked = check_task(replace(small_task, metric=metric))
    assert checked.task.metric is metric
    assert metric.seen == 0


def test_a_metric_that_is_nan_on_a_few_samples_alone_is_sound(small_task: Task) -> None:
    assert len(small_task.search) > 10
    check_task(replace(small_task, metric=Watched(floor=10)))


@pytest.mark.parametrize(
    ("metric", "says"),
    [
        (object(), "expected the name of a metric, a torchmetrics.Metric, or a function of outputs and targets, got"),
        (None, "expected the name of a metric, a torchmetrics.Metric, or a function of outputs and targets, got None"),
        (MeanSquaredError, "got the class MeanSquaredError; write MeanSquaredError(…)"),
        (MeanMetric(), "MeanMetric does not say whether higher or lower is better"),
        (Watched(floor=1e9), "Watched is nan of the uncompressed model on the search split (16 samples)"),
        (MeanSquaredError(), "MeanSquaredError on outputs and targets of the search split: Predictions and targets"),
        (MulticlassAccuracy(4, average=None), "gives a tensor of shape (4,); expected one number"),
    ],
)
def test_what_is_no_metric_is_said_in_one_line(small_task: Task, metric: Any, says: str) -> None:
    with pytest.raises(TaskError) as error:
        check_task(replace(small_task, metric=metric))
    assert says in str(error.value)
    assert "\n" not in str(error.value)


def test_a_metric_that_gives_a_dict_is_no_metric(small_task: Task) -> None:
    several = MetricCollection([MulticlassAccuracy(4), Watched()])
    with pytest.raises(TaskError, match=r"MetricCollection on outputs .* gives a dict; expected one number"):
        check_task(replace(small_task, metric=several, higher_is_better=True))


def test_a_metric_that_gives_a_table_is_no_metric(small_task: Task) -> None:
    table = ConfusionMatrix(task="multiclass", num_classes=4)
    with pytest.raises(TaskError, match=r"gives a tensor of shape \(4, 4\); expected one number"):
        check_task(replace(small_task, metric=table, higher_is_better=True))


def mean_of_all(outputs: Tensor, targets: Tensor) -> Tensor:
    return (outputs.argmax(1) == targets).float().mean()


def not_a_tensor(outputs: Tensor, targets: Tensor) -> float:
    return 0.0


def undefined(outputs: Tensor, targets: Tensor) -> Tensor:
    return torch.where(torch.arange(len(targets)) == 3, torch.nan, 1.0)


def by_rank(outputs: Tensor, targets: Tensor) -> Tensor:
    return outputs[:, 0].argsort().float()


def in_place(outputs: Tensor, targets: Tensor) -> Tensor:
    return outputs.sub_(outputs.mean(1, keepdim=True))[:, 0]


def of_two(outputs: Tensor) -> Tensor:
    return outputs[:, 0]


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (mean_of_all, "gives a tensor of shape (); expected a score for each sample, shape (16,)"),
        (not_a_tensor, "gives a float; expected a score for each sample, shape (16,)"),
        (undefined, "it is nan for sample 3; expected a finite number"),
        (in_place, "it changes them in place; compute it of copies"),
        (by_rank, "the score of a sample depends on the others of its batch"),
        (of_two, "of_two on outputs and targets of the search split: of_two() takes 1 positional argument but 2 were"),
        ("mse", "an error needs outputs and targets of one shape, got (16, 4) and (16,)"),
        ("f1", "f1 needs logits and targets (n, labels), got (16, 4) and (16,)"),
        ("miou", "miou needs outputs (n, classes, height, width) and targets (n, height, width)"),
    ],
)
def test_a_function_that_does_not_fit_is_said_in_one_line(small_task: Task, function: Any, says: str) -> None:
    higher = None if isinstance(function, str) else True
    with pytest.raises(TaskError) as error:
        check_task(replace(small_task, metric=function, higher_is_better=higher))
    assert says in str(error.value)
    assert "\n" not in str(error.value)


def test_an_f1_of_probabilities_is_refused(small_task: Task) -> None:
    def split(count: int) -> TensorDataset:
        shape = small_task.search[0][0].shape
        return TensorDataset(torch.rand(count, *shape), (torch.rand(count, 4) > 0.5).long())

    probable = nn.Sequential(small_task.model, nn.Sigmoid()).eval()
    task = Task(probable, split(16), split(16), split(16), metric="f1")
    with pytest.raises(TaskError, match=r"f1 needs logits.* between 0 and 1, as behind a sigmoid; give torchmetrics"):
        check_task(task)
    check_task(replace(task, model=small_task.model))


def of_boxes(outputs: Tensor, targets: Any) -> Tensor:
    boxes: Tensor = targets.boxes
    return boxes


def test_a_function_that_takes_targets_for_something_else_is_told_what_they_are(small_task: Task) -> None:
    task = replace(small_task, metric=of_boxes, higher_is_better=True)
    says = r"on outputs and targets of the search split: .* \(outputs: \d+×4; targets: \d+\)"
    with pytest.raises(TaskError, match=says):
        check_task(task)
