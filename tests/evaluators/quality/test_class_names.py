"""Names of classes: the task's own, or those of a test split as torchvision's datasets have them."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from parefront.evaluators.quality.class_names import check_class_names, class_names_of
from parefront.spaces.errors import TaskError
from parefront.spaces.task import Task

SAMPLES = [(torch.zeros(1, 2, 2), n % 2) for n in range(4)]


class Named(list):  # type: ignore[type-arg]
    """A split whose dataset knows what its classes are called."""

    def __init__(self, classes: Any) -> None:
        super().__init__(SAMPLES)
        self.classes = classes


def task(names: Any, test: Any = SAMPLES) -> Task:
    return Task(torch.nn.Identity(), SAMPLES, SAMPLES, test, class_names=names)


@pytest.mark.parametrize(
    ("given", "names"),
    [
        (task(["cat", "dog"]), ("cat", "dog")),
        (task(None, Named(["cat", "dog"])), ("cat", "dog")),
        (task(("a", "b"), Named(["cat", "dog"])), ("a", "b")),
        (task(None), ()),
        (task(None, Named(["cat", "dog", "emu"])), ()),
        (task(None, Named(2)), ()),
        (task(None, Named("ab")), ()),
    ],
)
def test_names_are_the_task_s_or_else_those_of_its_test_split(given: Task, names: tuple[str, ...]) -> None:
    check_class_names(given, 2)
    assert class_names_of(given, 2) == names
    assert class_names_of(given, None) == ()


@pytest.mark.parametrize(
    ("names", "classes", "message"),
    [
        (["cat"], 2, "task.class_names: expected 2, one for each class of the output, got 1"),
        ("ab", 2, "task.class_names: expected a sequence of text, got "),
        (7, 2, "task.class_names: expected a sequence of text, got "),
        (["cat", 7], 2, "task.class_names: expected a sequence of text, got "),
        (["cat", "dog"], None, 'task.class_names: the metric "accuracy" alone is about classes'),
    ],
)
def test_what_cannot_be_is_told_in_one_line(names: Any, classes: int | None, message: str) -> None:
    with pytest.raises(TaskError) as caught:
        check_class_names(task(names), classes)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)
