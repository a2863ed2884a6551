"""The subgroups that a task tells of its test samples: who or what is on an image, beside its class."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...spaces.errors import TaskError
from ...spaces.messages import kind
from ...spaces.task import Dataset, Task
from .reading import length_of, read_sample

MOST = 1_000
"""Subgroups that can be told apart in a table."""


def subgroups_of(told: Any, test: Dataset, indices: Iterable[int]) -> NDArray[np.str_]:
    """The names of the subgroups of test samples, shape ``(n,)``.

    Args:
        told: the task's ``subgroups``.
        test: its test split.
        indices: of the samples in it.

    Raises:
        TaskError: where a name is neither text nor a whole number, or there are more than a thousand.
    """
    names = np.array([_name(told, test, int(index)) for index in indices], dtype=np.str_)
    if (found := len(np.unique(names))) > MOST:
        raise TaskError(f"task.subgroups: expected at most {MOST} different ones, got {found}")
    return names


def check_subgroups(task: Task, classifies: bool) -> None:
    """Make sure that the test split's first sample has a subgroup, and that as many are told as there are samples.

    Args:
        task: whose test split has a sample.
        classifies: whether its metric is about classes.

    Raises:
        TaskError: where not.
    """
    told = task.subgroups
    if told is None:
        return
    if not classifies:
        raise TaskError('task.subgroups: they are compared by the metric "accuracy" alone; leave them out')
    if not callable(told):
        if isinstance(told, str) or not hasattr(told, "__len__") or not hasattr(told, "__getitem__"):
            raise TaskError(f"task.subgroups: expected a sequence or a function, got {kind(told)}")
        samples = length_of(task.test, "task.test")
        if len(told) != samples:
            raise TaskError(f"task.subgroups: expected {samples}, one for each sample of task.test, got {len(told)}")
    _name(told, task.test, 0)


def _name(told: Any, test: Dataset, index: int) -> str:
    name = told(*read_sample(test, index, "task.test")) if callable(told) else _item(told, index)
    if isinstance(name, str | int | np.integer | np.bool_):
        return str(name)
    raise TaskError(f"task.subgroups: expected text or a whole number for sample {index}, got {kind(name)}")


def _item(told: Sequence[Any], index: int) -> Any:
    value = told[index]
    return value.item() if hasattr(value, "item") else value
