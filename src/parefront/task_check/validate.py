"""Checks a task before anything is written: that model, splits and labels fit together. One clear line where not."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from ..evaluators.quality.class_names import check_class_names
from ..evaluators.quality.reading import length_of, read_sample
from ..evaluators.quality.scoring.builtin import BUILT_IN
from ..evaluators.quality.scoring.registry import quality_of
from ..evaluators.quality.subgroups import check_subgroups
from ..evaluators.results.digest import SplitDigest
from ..spaces.errors import TaskError
from ..spaces.messages import kind
from ..spaces.network.wrappers import evaluating
from ..spaces.task import Dataset, Task
from ..spaces.tensors.batch import Tensors
from ..spaces.tensors.signature import OutputForm
from .input_check import InputCheck
from .probe import probe
from .split_check import SplitCheck
from .split_warnings import split_warnings
from .validate_metric import check_metric

PROBE_IMAGES = 4
"""Images of a split that the model is run on."""


@dataclass(frozen=True)
class CheckedTask:
    """A task that fits together.


    Attributes:
        task: with its model seen through wrappers. The user's model stays in the mode that it was in.
        digests: of the calibration, the search and the test split, by name.
        warnings: one line each, of splits whose numbers mean less than they seem to.
    """

    task: Task
    digests: Mapping[str, SplitDigest]
    warnings: tuple[str, ...]


def check_task(task: Task, on_phase: Callable[[str], None] = lambda _: None) -> CheckedTask:
    """Check that the model runs on its own data, that all samples are sound and labels are classes of its output.

    Args:
        task: as the user gives it.
        on_phase: told how far reading has come, where it takes long.

    Raises:
        TaskError: naming the split, the sample or the parameter, what was expected and what came.
        TraceError: for a TorchScript module.
    """
    if not isinstance(task.model, nn.Module):
        raise TaskError(f"task.model: expected a torch.nn.Module, got {kind(task.model)}")
    with evaluating(task.model) as model:
        return _checked(task if model is task.model else dataclasses.replace(task, model=model), on_phase)


def _checked(task: Task, on_phase: Callable[[str], None]) -> CheckedTask:
    _check_weights(task.model)
    quality = quality_of(task)
    inputs: InputCheck | None = None
    checks: list[SplitCheck] = []
    for name, split in _splits(task):
        _check_split(name, split)
        inputs = _inputs(task.model, name, split, inputs)
        form, outputs = probe(task.model, name, _first_batch(name, split, inputs), inputs.form)
        _check_one(form, task.metric)
        scored = name in ("search", "test")
        labelled = quality.classifies and name != "calibration"
        classes = _classes(outputs) if labelled else None
        checks.append(SplitCheck(name, split, inputs, classes, scored, on_phase))
    check_metric(task)
    check_subgroups(task, quality.classifies)
    check_class_names(task, checks[-1].classes)
    seen = {check.name: check.run() for check in checks}
    digests = {name: split.digest for name, split in seen.items() if name != "train"}
    return CheckedTask(task, digests, tuple(split_warnings(seen, quality.classifies)))


def _splits(task: Task) -> Iterator[tuple[str, Dataset]]:
    yield from (("calibration", task.calibration), ("search", task.search), ("test", task.test))
    if task.train is not None and not isinstance(task.train, DataLoader):  # a loader is looked at where it is used
        yield "train", task.train


def _check_weights(model: nn.Module) -> None:
    for role, tensors in (("parameter", model.named_parameters()), ("buffer", model.named_buffers())):
        for name, tensor in tensors:
            if tensor.device.type != "cpu":
                raise TaskError(f"task.model: {role} {name!r} is on {tensor.device}; move the model: model.cpu()")
            if not tensor.is_floating_point():
                continue
            if tensor.dtype != torch.float32:
                raise TaskError(f"task.model: {role} {name!r} is {tensor.dtype}, expected float32; call model.float()")
            if not torch.isfinite(tensor).all():
                bad = int((~torch.isfinite(tensor)).sum())
                raise TaskError(
                    f"task.model: {role} {name!r} of shape {_shape(tensor)} holds {bad} NaN or infinite "
                    f"{'values' if bad > 1 else 'value'}; load weights from before the training diverged"
                )


def _check_split(name: str, split: Any) -> None:
    if not isinstance(split, Dataset):
        raise TaskError(f"task.{name}: expected a map-style dataset with __len__ and __getitem__, got {kind(split)}")
    if length_of(split, f"task.{name}") == 0:
        raise TaskError(f"task.{name}: the {name} split is empty; expected at least one (input, target)")


def _inputs(model: nn.Module, name: str, split: Dataset, known: InputCheck | None) -> InputCheck:
    """How the split's inputs have to be: as its first one, which has to be as those of the splits before it."""
    first = _sample(name, split, 0)
    if known is None:
        return InputCheck.of(model, name, first)
    known.check_first(name, first)
    return known


def _first_batch(name: str, split: Dataset, inputs: InputCheck) -> Tensors:
    indices = range(min(PROBE_IMAGES, len(split)))
    return inputs.stack([inputs.check(name, i, _sample(name, split, i), "sample 0 has") for i in indices])


def _check_one(form: OutputForm, metric: Any) -> None:
    """The metrics that are built in are of one output, but for that of boxes."""
    if len(form.names) > 1 and isinstance(metric, str) and metric in BUILT_IN and metric != "map":
        raise TaskError(
            f"task.metric: {metric!r} is of one output, and the model returns {', '.join(form.names)}; give a function "
            "of outputs, nested as the model returns them, and targets, that gives a score for each sample"
        )


def _classes(output: Tensors) -> int:
    """How many classes the output of the model tells apart."""
    assert isinstance(output, Tensor)
    if output.dim() != 2:
        raise TaskError(
            f"model: expected class scores of shape (batch, classes) for the metric 'accuracy', got {_shape(output)}"
        )
    if output.shape[1] == 1:
        raise TaskError(
            "model: one output for each input, by which the metric 'accuracy' cannot tell classes; give the task "
            "metric=torchmetrics.classification.BinaryAccuracy(), and targets 0 or 1 of shape (1,) and type int64"
        )
    return output.shape[1]


def _sample(name: str, split: Dataset, index: int) -> Any:
    return read_sample(split, index, f"task.{name}")[0]


def _shape(tensor: Tensor) -> tuple[int, ...]:
    return tuple(tensor.shape)
