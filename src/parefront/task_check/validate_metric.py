"""Checks a metric of the user's own before anything is written: that it takes outputs and targets, gives a number."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Subset

from ..evaluators.quality.accuracy import split_inputs
from ..evaluators.results.quality import quality_metric
from ..spaces.errors import TaskError
from ..spaces.messages import first_line, kind
from ..spaces.task import Dataset, Task

METHODS = ("reset", "update", "compute")
FIRST = 4
"""Samples that the metric is called on."""
BATCH = 64
"""Where it is not finite on these, it is called on the whole split, so many samples at a time."""


def check_metric(task: Task) -> None:
    """Call the metric on the first samples of the search and the test split, and leave it reset.

    Raises:
        TaskError: where it is no metric, does not take the outputs and targets, gives anything but one number, is not
            finite, or does not say whether higher is better.
    """
    if isinstance(task.metric, str):
        quality_metric(task)
        return
    missing = [name for name in METHODS if not callable(getattr(task.metric, name, None))]
    if isinstance(task.metric, type) or missing:
        what = f"the class {task.metric.__name__}" if isinstance(task.metric, type) else kind(task.metric)
        mend = f"; write {task.metric.__name__}(…)" if isinstance(task.metric, type) and not missing else ""
        raise TaskError(f"task.metric: expected 'accuracy' or an instance of torchmetrics.Metric, got {what}{mend}")
    quality_metric(task)
    for name, split in (("search", task.search), ("test", task.test)):
        value = _score(task, name, split, min(FIRST, len(split)))
        if not math.isfinite(value):
            value = _score(task, name, split, len(split))
        if not math.isfinite(value):
            raise TaskError(
                f"task.metric: {kind(task.metric)} is {value} of the uncompressed model on the {name} split "
                f"({len(split)} samples); expected a finite number"
            )


def _score(task: Task, name: str, split: Dataset, count: int) -> float:
    """The metric of the model's outputs for the first ``count`` samples of a split."""
    where = f"{kind(task.metric)} on outputs and targets of the {name} split"
    try:
        task.metric.reset()
        for outputs, targets in _batches(task, split, count):
            task.metric.update(outputs, targets)
        value = task.metric.compute()
        task.metric.reset()
    except Exception as error:
        raise TaskError(f"task.metric: {where}: {first_line(error)}") from error
    return _number(value, where)


def _batches(task: Task, split: Dataset, count: int) -> Iterator[tuple[Tensor, Tensor]]:
    for start in range(0, count, BATCH):
        part: Subset[Any] = Subset(split, range(start, min(count, start + BATCH)))  # type: ignore[arg-type]
        inputs, targets = split_inputs(part)
        with torch.no_grad():  # which must not last while the caller works with what is yielded, or gives up
            outputs = task.model(torch.from_numpy(inputs))
        yield outputs, torch.from_numpy(targets)


def _number(value: Any, where: str) -> float:
    if isinstance(value, Tensor) and value.numel() != 1:
        raise TaskError(f"task.metric: {where} gives a tensor of shape {tuple(value.shape)}; expected one number")
    try:
        return float(value)
    except (TypeError, ValueError):
        raise TaskError(f"task.metric: {where} gives a {kind(value)}; expected one number") from None
