"""Inputs of every sample are nested, typed and shaped alike; what is wrong is told in one line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from parefront.spaces.errors import TaskError
from parefront.spaces.task import Task
from parefront.task_check.validate import check_task

from ...several import DictOfOutputs, Tokens, TwoInputs, TwoOutputs, batch_of, made

Change = Callable[[int, Any], Any]


class Samples:
    """Samples of a batch, one of them changed."""

    def __init__(self, batch: Any, change: Change = lambda _, inputs: inputs, count: int = 24) -> None:
        self.batch, self.change, self.count = batch, change, count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[Any, int]:
        one = tuple(part[index] for part in self.batch) if isinstance(self.batch, tuple) else self.batch[index]
        return self.change(index, one), index % 4


def task_of(kind: type[torch.nn.Module], change: Change = lambda _, inputs: inputs, **given: Any) -> Task:
    data = Samples(batch_of(kind, 24), change)
    return Task(made(kind), data, data, data, **given)


@pytest.mark.parametrize("kind", [TwoInputs, Tokens])
def test_several_inputs_pass(kind: type[torch.nn.Module]) -> None:
    checked = check_task(task_of(kind))
    assert checked.digests.keys() == {"calibration", "search", "test"}


def at(sample: int, other: Callable[[Tensor, Tensor], Any]) -> Change:
    return lambda index, inputs: other(*inputs) if index == sample else inputs


FAULTS: dict[str, tuple[Change, str]] = {
    "text": (at(0, lambda i, d: (i, "near")), "the inputs of sample 0: expected tensors, got str as 1"),
    "a number": (at(0, lambda i, d: (i, 3)), "the inputs of sample 0: expected tensors, got int as 1"),
    "double": (at(0, lambda i, d: (i, d.double())), "sample 0: expected a float32 tensor as input depth, got torch."),
    "one missing": (at(5, lambda i, d: (i,)), "the inputs of sample 5: expected tuple of 2, got tuple of 1"),
    "another shape": (at(7, lambda i, d: (i, d[:, 1:])), "sample 7 has an input depth of shape (1, 11, 12), others"),
    "another type": (at(7, lambda i, d: (i, d.long())), "sample 7: expected a float32 tensor as input depth"),
    "NaN": (at(9, lambda i, d: (i, d * torch.nan)), "sample 9 holds NaN or infinite values"),
    "other names": (
        lambda _, inputs: {"image": inputs[0], "dpth": inputs[1]},
        "forward(image, depth) of the model cannot be called with dict of image, dpth",
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_an_input_is_told_in_one_line(fault: str) -> None:
    change, message = FAULTS[fault]
    with pytest.raises(TaskError) as caught:
        check_task(task_of(TwoInputs, change))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_splits_have_inputs_alike() -> None:
    task = task_of(TwoInputs)
    other = Samples(batch_of(TwoInputs, 24), lambda _, inputs: (inputs[0], inputs[1][:, 1:]))
    with pytest.raises(TaskError, match=r"task.test: input depth has shape \(1, 11, 12\), that of the"):
        check_task(replace(task, test=other))


def test_three_things_in_a_sample_are_told_apart() -> None:
    class Flat(Samples):
        def __getitem__(self, index: int) -> Any:
            inputs, target = super().__getitem__(index)
            return (*inputs, target)

    data = Flat(batch_of(TwoInputs, 24))
    with pytest.raises(TaskError, match=r"got tuple of 3; put several inputs into one tuple or dict"):
        check_task(Task(made(TwoInputs), data, data, data))


class Changing(TwoOutputs):
    def forward(self, x: Tensor) -> Any:
        return self.both(x)[: 1 + len(x) % 2]


class Summed(TwoOutputs):
    def forward(self, x: Tensor) -> Any:
        logits, where = self.both(x)
        return {"logits": logits, "total": where.sum()}


class Averaged(TwoOutputs):
    def forward(self, x: Tensor) -> Any:
        logits, where = self.both(x)
        return logits, where - where.mean(0)


OUTPUTS: dict[type[torch.nn.Module], str] = {
    Changing: "expected tuple of 2, got tuple of 1; return tensors, or tuples, lists, dicts or dataclasses of tensors",
    Summed: "expected an output total with a batch axis of 1 for an input of shape (1, 3, 12, 12) from the calibration",
    Averaged: "depends on the other images of the batch",
    DictOfOutputs: "'accuracy' is of one output, and the model returns logits, where; give a function of outputs",
}  # fmt: skip


@pytest.mark.parametrize("kind", OUTPUTS, ids=lambda kind: kind.__name__)
def test_outputs_that_cannot_be_scored_are_told_in_one_line(kind: type[torch.nn.Module]) -> None:
    with pytest.raises(TaskError) as caught:
        check_task(task_of(kind))
    assert OUTPUTS[kind] in str(caught.value)
    assert "\n" not in str(caught.value)


def by_name(outputs: Any, targets: Tensor) -> Tensor:
    right: Tensor = outputs["logits"].argmax(1) == targets
    return right.float()


def test_a_function_is_given_the_outputs_as_the_model_returns_them() -> None:
    check_task(task_of(DictOfOutputs, metric=by_name, higher_is_better=True))
    with pytest.raises(TaskError, match=r"task.metric: by_name on outputs and targets of the search split"):
        check_task(task_of(TwoOutputs, metric=by_name, higher_is_better=True))


class OneInADict(TwoInputs):
    def forward(self, image: Tensor, depth: Tensor) -> Any:
        return {"logits": super().forward(image, depth)}


def test_a_metric_by_name_is_given_the_only_output_wherever_it_lies() -> None:
    check_task(task_of(OneInADict))
