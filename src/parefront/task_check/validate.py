"""Checks a task before anything is written: that model, splits and labels fit together. One clear line where not."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ..evaluators.quality.reading import read_sample
from ..evaluators.quality.registry import quality_of
from ..evaluators.results.digest import SplitDigest
from ..spaces.errors import TaskError
from ..spaces.messages import kind
from ..spaces.network.wrappers import evaluating
from ..spaces.task import Dataset, Task
from .probe import probe
from .split_check import SplitCheck, check_tensor
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
    shape: tuple[int, ...] | None = None
    checks: list[SplitCheck] = []
    for name, split in _splits(task):
        _check_split(name, split)
        shape = _check_shape(name, split, shape)
        output = probe(task.model, name, _first_batch(name, split))
        scored = name in ("search", "test")
        labelled = quality.classifies and name != "calibration"
        classes = _classes(output) if labelled else None
        checks.append(SplitCheck(name, split, shape, classes, scored, on_phase))
    check_metric(task)
    seen = {check.name: check.run() for check in checks}
    digests = {name: split.digest for name, split in seen.items() if name != "train"}
    return CheckedTask(task, digests, tuple(split_warnings(seen, quality.classifies)))


def _splits(task: Task) -> Iterator[tuple[str, Dataset]]:
    yield from (("calibration", task.calibration), ("search", task.search), ("test", task.test))
    if task.train is not None:
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
    if len(split) == 0:
        raise TaskError(f"task.{name}: the {name} split is empty; expected at least one (input, target)")


def _check_shape(name: str, split: Dataset, expected: tuple[int, ...] | None) -> tuple[int, ...]:
    """The shape of the split's first input; it has to be that of the splits before it."""
    shape = _shape(_sample(name, split, 0))
    if expected is not None and shape != expected:
        raise TaskError(f"task.{name}: inputs have shape {shape}, those of the calibration split {expected}")
    return shape


def _first_batch(name: str, split: Dataset) -> Tensor:
    images = [_sample(name, split, index) for index in range(min(PROBE_IMAGES, len(split)))]
    for index, image in enumerate(images):
        _check_input_shape(name, index, image, _shape(images[0]))
    return torch.stack(images)


def _check_input_shape(name: str, index: int, image: Tensor, shape: tuple[int, ...]) -> None:
    if _shape(image) != shape:
        raise TaskError(
            f"task.{name}: sample {index} has shape {_shape(image)}, sample 0 has {shape}; "
            "expected one shape, so that images can be batched"
        )


def _classes(output: Tensor) -> int:
    """How many classes the output of the model tells apart."""
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


def _sample(name: str, split: Dataset, index: int) -> Tensor:
    image = read_sample(split, index, f"task.{name}")[0]
    check_tensor(name, index, image)
    assert isinstance(image, Tensor)
    return image


def _shape(tensor: Tensor) -> tuple[int, ...]:
    return tuple(tensor.shape)
