"""Which task a run is of: digests of model, splits and metric, and what two tasks differ in."""

from __future__ import annotations

import copy
import hashlib
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ...evaluators.quality.reading import read_sample
from ...evaluators.quality.split_digest import SplitDigest, digest_of, digest_of_value
from ...evaluators.results.fields import Fields
from ...spaces.errors import TaskError
from ...spaces.messages import first_line, kind
from ...spaces.task import Dataset, Task
from .metric_settings import settings_of

SPLITS = ("calibration", "search", "test")
READ_TWICE = 16
"""So many samples of a split show whether it reads differently each time, as one with a random transform does."""
OUTPUTS = 32
"""So many of the model's outputs are kept."""
TOLERANCE = 1e-3
"""By how much they may differ, as a share of the greatest: arithmetic differs between versions of PyTorch and CPUs."""
_ADDRESS = re.compile(r"0x[0-9a-fA-F]+")


@dataclass(frozen=True)
class Fingerprint:
    """What a task is told apart by.

    Attributes:
        weights: SHA-256 of all parameters and buffers, by name.
        architecture: SHA-256 of the tree of modules: names, classes, settings as they print them.
        outputs: some of the model's outputs on an input that is always the same; they tell networks apart whose code
            differs and whose modules do not. Empty where the model has none for that input.
        splits: digests by name. Of a split that reads differently each time only the length is known, and the SHA-256
            is empty.
        metric: the metric's name, direction and settings, as text.
    """

    weights: str
    architecture: str
    outputs: tuple[float, ...]
    splits: Mapping[str, SplitDigest]
    metric: Mapping[str, str]

    @classmethod
    def of(cls, task: Task, digests: Mapping[str, SplitDigest] | None = None) -> Fingerprint:
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
            if not isinstance(getattr(task, name), Dataset) or len(getattr(task, name)) == 0:
                raise TaskError(f"task.{name}: expected a map-style dataset of one (input, target) or more")
        splits = digests or {name: _digest(getattr(task, name), f"task.{name}") for name in SPLITS}
        image, _ = read_sample(task.calibration, 0, "task.calibration")
        model = task.model
        return cls(_weights(model), _architecture(model), _outputs(model, image), splits, settings_of(task.metric))

    @classmethod
    def read(cls, file: Path) -> Fingerprint:
        """As :meth:`to_json` gave it.

        Raises:
            UnreadableFile: naming the file and the key.
        """
        fields = Fields.read(file)
        splits, metric, outputs = fields.fields("splits"), fields.fields("metric"), fields.fields("outputs")
        held = {name: splits.fields(name) for name in SPLITS}
        return cls(
            fields.text("weights"),
            fields.text("architecture"),
            tuple(outputs.number(key) for key in outputs.values),
            {n: SplitDigest(f.text("sha256"), f.count("samples"), f.count("of")) for n, f in held.items()},
            {key: metric.text(key) for key in metric.values},
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "weights": self.weights,
            "architecture": self.architecture,
            "outputs": {str(index): value for index, value in enumerate(self.outputs)},
            "splits": {n: {"sha256": d.sha256, "samples": d.samples, "of": d.of} for n, d in self.splits.items()},
            "metric": dict(self.metric),
        }

    def differences(self, here: Fingerprint, splits: tuple[str, ...] = SPLITS, metric: bool = True) -> list[str]:
        """What the task ``here`` has another one of, in words; of the splits, those named alone."""
        found = []
        if self.architecture != here.architecture:
            found.append("another architecture")
        if self.weights != here.weights:
            found.append(f"other weights (SHA-256 {self.weights[:12]}… there, {here.weights[:12]}… here)")
        elif self.architecture == here.architecture and not _alike(self.outputs, here.outputs):
            found.append("other outputs of the model for one and the same input")
        changed = [name for name in splits if self._differ(here, name)]
        found += [_other_split(name, self.splits[name], here.splits[name]) for name in changed]
        settings = {**self.metric, **here.metric} if metric else {}
        pairs = {key: (self.metric.get(key, "none"), here.metric.get(key, "none")) for key in settings}
        other = [f"{key} {mine} there, {its} here" for key, (mine, its) in pairs.items() if mine != its]
        return [*found, f"another metric ({', '.join(other)})"] if other else found

    def _differ(self, other: Fingerprint, name: str) -> bool:
        mine, its = self.splits[name], other.splits[name]
        if not (mine.sha256 and its.sha256):
            return mine.of != its.of or bool(mine.sha256) != bool(its.sha256)
        return mine != its


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


def _alike(there: tuple[float, ...], here: tuple[float, ...]) -> bool:
    scale = max(map(abs, (*there, *here)), default=0.0)
    return len(there) == len(here) and all(
        math.isclose(a, b, rel_tol=0, abs_tol=TOLERANCE * scale) for a, b in zip(there, here, strict=True)
    )


def _other_split(name: str, there: SplitDigest, here: SplitDigest) -> str:
    if there.of != here.of:
        return f"another {name} split ({there.of} samples there, {here.of} here)"
    if not (there.sha256 and here.sha256):
        return f"another {name} split (it reads differently each time {'here' if there.sha256 else 'there'})"
    looked = f", told by {here.samples} of {here.of} samples" if here.is_sampled else ""
    return f"another {name} split (SHA-256 {there.sha256[:12]}… there, {here.sha256[:12]}… here{looked})"
