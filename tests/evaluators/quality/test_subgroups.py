"""Subgroups of test samples: listed or asked for, and refused in one line where they cannot be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from parefront.evaluators.quality.subgroups import MOST, check_subgroups, subgroups_of
from parefront.spaces.errors import TaskError
from parefront.spaces.task import Task

SAMPLES = [(torch.full((1, 2, 2), float(n)), n % 2) for n in range(4)]


def task(subgroups: Any) -> Task:
    return Task(torch.nn.Identity(), SAMPLES, SAMPLES, SAMPLES, subgroups=subgroups)


@pytest.mark.parametrize(
    ("told", "names"),
    [
        (["a", "b", "b", "a"], ["b", "a"]),
        (np.array([7, 8, 9, 7]), ["9", "7"]),
        (torch.tensor([True, False, True, False]), ["True", "False"]),
        (lambda image, label: f"{int(image[0, 0, 0])} of class {label}", ["2 of class 0", "3 of class 1"]),
    ],
)
def test_names_are_those_of_the_samples(told: Any, names: list[str]) -> None:
    check_subgroups(task(told), classifies=True)
    assert subgroups_of(told, task(told).test, [2, 3]).tolist() == names


@pytest.mark.parametrize(
    ("told", "message"),
    [
        (["a", "b"], "task.subgroups: expected 4, one for each sample of task.test, got 2"),
        ("abcd", "task.subgroups: expected a sequence or a function, got "),
        ([1.5] * 4, "task.subgroups: expected text or a whole number for sample 0, got "),
        (lambda image, label: None, "task.subgroups: expected text or a whole number for sample 0, got "),
    ],
)
def test_what_cannot_be_is_told_in_one_line(told: Any, message: str) -> None:
    with pytest.raises(TaskError) as caught:
        check_subgroups(task(told), classifies=True)
    assert str(caught.value).startswith(message)


def test_they_are_of_classifiers_alone() -> None:
    check_subgroups(task(None), classifies=False)
    with pytest.raises(TaskError, match=r"task\.subgroups: they are compared by"):
        check_subgroups(task(["a"] * 4), classifies=False)


def test_a_name_for_every_sample_is_no_subgroup() -> None:
    many = Task(torch.nn.Identity(), SAMPLES, SAMPLES, SAMPLES, subgroups=[str(n) for n in range(MOST + 1)])
    with pytest.raises(TaskError, match="expected at most 1000 different ones, got 1001"):
        subgroups_of(many.subgroups, many.test, range(MOST + 1))
