"""The names of a classifier's classes: as the task gives them, or as its test split does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...spaces.errors import TaskError
from ...spaces.messages import kind
from ...spaces.task import Task


def class_names_of(task: Task, classes: int | None) -> tuple[str, ...]:
    """One for each class, in the order of the labels; nothing where they are unknown.

    A task that gives none takes what its test split calls ``classes``, as the datasets of torchvision do, where these
    are as many names as there are classes.

    Args:
        task: checked before, by :func:`check_class_names`.
        classes: that its model tells apart; None of a model that does not classify.
    """
    told: Any = task.class_names if task.class_names is not None else getattr(task.test, "classes", None)
    return tuple(told) if classes is not None and _are_names(told) and len(told) == classes else ()


def check_class_names(task: Task, classes: int | None) -> None:
    """Make sure that a task that names classes names each one.

    Raises:
        TaskError: where not.
    """
    told = task.class_names
    if told is None:
        return
    if classes is None:
        raise TaskError('task.class_names: the metric "accuracy" alone is about classes; leave them out')
    if not _are_names(told):
        raise TaskError(f"task.class_names: expected a sequence of text, got {_kinds(told)}")
    if len(told) != classes:
        raise TaskError(f"task.class_names: expected {classes}, one for each class of the output, got {len(told)}")


def _are_names(told: Any) -> bool:
    return isinstance(told, Sequence) and not isinstance(told, str) and all(isinstance(name, str) for name in told)


def _kinds(told: Any) -> str:
    if isinstance(told, str) or not isinstance(told, Sequence):
        return kind(told)
    return f"{kind(next(name for name in told if not isinstance(name, str)))} among them"
