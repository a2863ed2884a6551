"""The fingerprint of a task, from its model, its splits and its metric."""

from __future__ import annotations

import copy
import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import nn

from ....evaluators.quality.reading import length_of, read_sample
from ....evaluators.quality.split_digest import digest_of, digest_of_value
from ....evaluators.results.digest import SplitDigest
from ....spaces.errors import TaskError
from ....spaces.messages import first_line, kind
from ....spaces.task import Dataset, Task
from .fingerprint import DIRECTION, SPLITS, Fingerprint
from .metric_settings import settings_of

READ_TWICE = 16
"""So many samples of a split show whether it reads differently each time, as one with a random transform does."""
OUTPUTS = 32
"""So many of the model's outputs are kept."""
_ADDRESS = re.compile(r"0x[0-9a-fA-F]+")


def fingerprint_of(task: Task, digests: Mapping[str, SplitDigest] | None = None) -> Fingerprint:
    """Read model and data once: seconds, and for large splits a part of them (see :func:`digest_of`).

    Args:
        task: of which model, splits and metric are looked at.
        digests: of its splits by name, where they have been read already and found to read the same each time.

    Raises:
        TaskError: for a split or a model that cannot be read.
    """
    if not isinstance(task.model, nn.Module):
        raise TaskError(f"task.model: expected a torch.nn.Module, got {kind(task.model)}")
    for name in SPLITS:
        if not isinstance(getattr(task, name), Dataset) or length_of(getattr(task, name), f"task.{name}") == 0:
            raise TaskError(f"task.{name}: expected a map-style dataset of one (input, target) or more")
    splits = digests or {name: _digest(getattr(task, name), f"task.{name}") for name in SPLITS}
    image, _ = read_sample(task.calibration, 0, "task.calibration")
    model = task.model
    return Fingerprint(_weights(model), _architecture(model), _outputs(model, image), splits, _metric(task))


def _metric(task: Task) -> dict[str, str]:
    """The metric's settings; its direction as the task gives it, where it gives one."""
    given = {} if task.higher_is_better is None else {DIRECTION: str(task.higher_is_better)}
    return {**settings_of(task.metric), **given}


def _digest(split: Dataset, name: str) -> SplitDigest:
    found = digest_of(split, name=name)
    for index in range(min(READ_TWICE, found.of)):
        if digest_of_value(read_sample(split, index, name)) != digest_of_value(read_sample(split, index, name)):
            return SplitDigest("", found.samples, found.of)
    return found


def _weights(model: nn.Module) -> str:
    digest = hashlib.sha256()
    for name, tensor in _tensors(model):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _tensors(model: nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    yield from model.named_parameters(remove_duplicate=False)
    yield from model.named_buffers(remove_duplicate=False)


def _architecture(model: nn.Module) -> str:
    digest = hashlib.sha256()
    for name, module in model.named_modules(remove_duplicate=False):
        shown = _ADDRESS.sub("", module.extra_repr())
        digest.update(f"{name}: {type(module).__qualname__}({shown})\n".encode())
    return digest.hexdigest()


def _outputs(model: nn.Module, image: Any) -> tuple[float, ...]:
    """Evenly spread outputs for two copies of a ramp from 0 to 1 in the shape of an image."""
    if not isinstance(image, torch.Tensor):
        return ()
    ramp = torch.linspace(0, 1, image.numel(), dtype=image.dtype).reshape(1, *image.shape)
    if any(module.training for module in model.modules()):
        model = copy.deepcopy(model).eval()
    try:
        with torch.no_grad():
            output = model(torch.cat([ramp, ramp.flip(-1)]))
    except Exception as error:
        raise TaskError(f"model failed on an input of shape {(2, *image.shape)}: {first_line(error)}") from error
    values = output.double().flatten() if isinstance(output, torch.Tensor) else torch.zeros(0)
    values = values[torch.linspace(0, len(values) - 1, OUTPUTS).round().long()] if len(values) > OUTPUTS else values
    return tuple(float(f"{value:.6g}") for value in values.tolist()) if torch.isfinite(values).all() else ()
