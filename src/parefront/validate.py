"""Checks a task before anything is written: that model, splits and labels fit together. One clear line where not."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from .spaces import Dataset, Task, TaskError
from .spaces.messages import first_line, kind
from .spaces.wrappers import evaluating

SECONDS_PER_SPLIT = 1.0
"""Every sample of a split is looked at, or as many evenly spread ones as this time allows."""

PROBE_IMAGES = 4
"""Images of a split that the model is run on."""


def check_task(task: Task) -> Task:
    """Check that the model runs on its own data and that the labels are classes of its output.

    Returns:
        The task with its model seen through wrappers. The user's model stays in the mode that it was in.

    Raises:
        TaskError: naming the split, the sample or the parameter, what was expected and what came.
        TraceError: for a TorchScript module.
    """
    if not isinstance(task.model, nn.Module):
        raise TaskError(f"task.model: expected a torch.nn.Module, got {kind(task.model)}")
    with evaluating(task.model) as model:
        return _checked(task if model is task.model else dataclasses.replace(task, model=model))


def _checked(task: Task) -> Task:
    _check_weights(task.model)
    shape: tuple[int, ...] | None = None
    for name, split in _splits(task):
        _check_split(name, split)
        shape = _check_shape(name, split, shape)
        output = _probe(task.model, name, split)
        labelled = isinstance(task.metric, str) and name != "calibration"
        _check_samples(name, split, shape, _classes(output, task.metric) if labelled else None)
    return task


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
    shape = _shape(_sample(name, split, 0)[0])
    if expected is not None and shape != expected:
        raise TaskError(f"task.{name}: inputs have shape {shape}, those of the calibration split {expected}")
    return shape


def _probe(model: nn.Module, name: str, split: Dataset) -> Tensor:
    """Run the model on a few images, one alone and all in one batch; its output for the batch."""
    batch = _first_batch(name, split)
    output = _run(model, name, batch[:1])
    if len(batch) > 1:
        output = _run(model, name, batch)
    if not torch.isfinite(output).all():
        raise TaskError(f"task.model: its output on an input of shape {_shape(batch)} from the {name} split has NaN")
    return output


def _first_batch(name: str, split: Dataset) -> Tensor:
    images = [_sample(name, split, index)[0] for index in range(min(PROBE_IMAGES, len(split)))]
    for index, image in enumerate(images):
        _check_input_shape(name, index, image, _shape(images[0]))
    return torch.stack(images)


def _run(model: nn.Module, name: str, batch: Tensor) -> Tensor:
    where = f"an input of shape {_shape(batch)} from the {name} split"
    try:
        with torch.no_grad():
            output = model(batch)
    except Exception as error:
        raise TaskError(f"model failed on {where}: {first_line(error)}") from error
    if not isinstance(output, Tensor):
        raise TaskError(f"model: expected one tensor as output for {where}, got {kind(output)}")
    if output.dim() == 0 or len(output) != len(batch):
        raise TaskError(
            f"model: expected an output with a batch axis of {len(batch)} for {where}, got {_shape(output)}"
        )
    return output


def _check_samples(name: str, split: Dataset, shape: tuple[int, ...], classes: int | None) -> None:
    started = time.monotonic()
    for index in _spread(len(split)):
        image, target = _sample(name, split, index)
        _check_input_shape(name, index, image, shape)
        if not torch.isfinite(image).all():
            raise TaskError(f"task.{name}: sample {index} holds NaN or infinite values")
        if classes is not None:
            _check_label(name, index, target, classes)
        if time.monotonic() - started > SECONDS_PER_SPLIT:
            return


def _check_input_shape(name: str, index: int, image: Tensor, shape: tuple[int, ...]) -> None:
    if _shape(image) != shape:
        raise TaskError(
            f"task.{name}: sample {index} has shape {_shape(image)}, sample 0 has {shape}; "
            "expected one shape, so that images can be batched"
        )


def _classes(output: Tensor, metric: str) -> int:
    """How many classes the output of the model tells apart."""
    if metric != "accuracy":
        raise TaskError(f"task.metric: unknown {metric!r}; expected 'accuracy' or a torchmetrics.Metric")
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


def _spread(length: int) -> Iterator[int]:
    """All indices below ``length``, so that any prefix is spread evenly (multiples of the golden section)."""
    step = max(1, round(length * 0.381966))
    while math.gcd(step, length) != 1:
        step -= 1
    return ((index * step) % length for index in range(length))


def _sample(name: str, split: Dataset, index: int) -> tuple[Tensor, Any]:
    try:
        sample = split[index]
    except Exception as error:
        raise TaskError(f"task.{name}: sample {index} cannot be read: {first_line(error)}") from error
    if not isinstance(sample, tuple | list) or len(sample) != 2:
        raise TaskError(f"task.{name}: sample {index}: expected (input, target), got {kind(sample)}")
    image = sample[0]
    if not isinstance(image, Tensor):
        raise TaskError(f"task.{name}: sample {index}: expected a float32 tensor as input, got {kind(image)}")
    if image.dtype != torch.float32:
        raise TaskError(f"task.{name}: sample {index}: expected a float32 tensor as input, got {image.dtype}")
    return image, sample[1]


def _check_label(name: str, index: int, label: Any, classes: int) -> None:
    if isinstance(label, Tensor):
        if label.dim() != 0 or label.is_floating_point():
            raise TaskError(
                f"task.{name}: sample {index}: expected a class index as target, got a tensor of shape "
                f"{_shape(label)} and type {label.dtype}"
            )
        label = label.item()
    try:
        number = int(label)
    except (TypeError, ValueError):
        raise TaskError(f"task.{name}: sample {index}: expected a class index as target, got {label!r}") from None
    if number != label or not 0 <= number < classes:
        raise TaskError(
            f"task.{name}: label {label} of sample {index} is out of range; "
            f"the model has {classes} classes, expected 0 to {classes - 1}"
        )


def _shape(tensor: Tensor) -> tuple[int, ...]:
    return tuple(tensor.shape)
