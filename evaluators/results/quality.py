"""The task's own metric: what it is called and which way it is better, by the task or by the metric itself."""

from __future__ import annotations

import re

from ...spaces.errors import TaskError
from ...spaces.task import Task
from .metric import ACCURACY, BY_KEY, COSTS, QUALITY_NAMES, Metric, score

_NAME = re.compile(r"(?!test_)[a-z][a-z0-9_]*")
_TAKEN = {*QUALITY_NAMES, *COSTS, *BY_KEY, "divergence"}
_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def quality_metric(task: Task) -> Metric:
    """Top-1 accuracy, or the user's own metric under the name of its class: ``mean_squared_error``.

    Raises:
        TaskError: where it does not say whether higher is better, or cannot be called what it is.
    """
    if isinstance(task.metric, str):
        _refuse_for_accuracy(task)
        return ACCURACY
    kind = type(task.metric).__name__
    if task.higher_is_better is not None and not isinstance(task.higher_is_better, bool):
        raise TaskError(f"task.higher_is_better: expected True or False, got {task.higher_is_better!r}")
    better = task.higher_is_better
    if better is None:
        better = getattr(task.metric, "higher_is_better", None)
    if not isinstance(better, bool):
        raise TaskError(
            f"task.metric: {kind} does not say whether higher or lower is better; say so: "
            "pf.Task(metric=…, higher_is_better=True), or False"
        )
    return score(_name(task, kind), better)


def snake_case(name: str) -> str:
    """``MeanSquaredError`` as ``mean_squared_error``, ``BinaryF1Score`` as ``binary_f1_score``."""
    return _WORDS.sub("_", name).lower().strip("_")


def _name(task: Task, kind: str) -> str:
    name = snake_case(kind) if task.metric_name is None else task.metric_name
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise TaskError(
            f"task.metric_name: expected lower-case letters, digits and _, not beginning with test_, got {name!r}; "
            'write e.g. pf.Task(metric=…, metric_name="psnr")'
        )
    if name in _TAKEN:
        raise TaskError(
            f"task.metric_name: {name!r} is the name of another metric; "
            'give yours one of its own, e.g. pf.Task(metric=…, metric_name="psnr")'
        )
    return name


def _refuse_for_accuracy(task: Task) -> None:
    if task.higher_is_better is False or task.metric_name is not None:
        given = "higher_is_better" if task.metric_name is None else "metric_name"
        raise TaskError(f"task.{given}: is for a metric of your own, and task.metric is {task.metric!r}; leave it out")
