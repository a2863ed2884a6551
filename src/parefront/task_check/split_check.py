"""Looks at the samples of a split: shape, type, finite values, labels, repeatable reading; and makes its digest."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..evaluators.quality.reading import Indices, TensorPair, is_ragged, length_of, parts, read_sample, to_array
from ..evaluators.quality.split_digest import Digester, digest_of_value, digested_indices
from ..evaluators.results.digest import SplitDigest
from ..spaces.errors import TaskError
from ..spaces.messages import kind
from ..spaces.task import Dataset
from .input_check import InputCheck

TRAIN_SAMPLES = 1_000
"""Of the training split, which nothing is scored on, so many evenly spread samples are looked at."""

READ_TWICE = 32
"""Samples that are read twice. A flip of every other image shows in all but one of four billion times."""

MADE_OF_NUMBERS = "a target of tensors, numbers or text"

PATIENCE_SECONDS = 2.0
"""Reading that takes longer than this is told of, then again each time it has taken twice as long."""


@dataclass(frozen=True, eq=False)
class SeenSplit:
    """What was seen of a split.

    Attributes:
        name: ``calibration``, ``search``, ``test`` or ``train``.
        digest: of its samples; of evenly spread ones where it is large.
        inputs: eight bytes of the digest of each digested input: equal inputs have equal ones.
    """

    name: str
    digest: SplitDigest
    inputs: NDArray[np.uint64]


@dataclass(frozen=True)
class SplitCheck:
    """How the samples of a split have to be.

    Attributes:
        name: of the split.
        dataset: the split, not empty.
        inputs: how those of every sample have to be.
        classes: that labels are below; None where targets are not class indices.
        scored: whether outputs are compared with its targets.
        on_phase: told how far reading has come, where it takes long.
    """

    name: str
    dataset: Dataset
    inputs: InputCheck
    classes: int | None
    scored: bool
    on_phase: Callable[[str], None]

    def run(self) -> SeenSplit:
        """Look at every sample, or in a split too large to be digested whole at those that are digested.

        All samples of a split that holds tensors are looked at, however many; and of one that is read sample by sample,
        scoring looks at those that were left out here. The training split may be random, as augmented images are.

        Raises:
            TaskError: naming the split and the sample, what was expected and what came.
        """
        length = length_of(self.dataset, f"task.{self.name}")
        digested = digested_indices(self.dataset, name=f"task.{self.name}")
        if self.name == "train":
            digested = digested[:: max(1, len(digested) // TRAIN_SAMPLES)]
        held = TensorPair.of(self.dataset)
        digester = Digester(length, f"task.{self.name}")
        if held is not None:
            self._look_at_tensors(held, digested, digester)
        else:
            self._check_repeatable(digested)
            self._look_at_samples(digested, digester)
        if (now := length_of(self.dataset, f"task.{self.name}")) != length:
            raise TaskError(f"task.{self.name}: its length changes: {length} samples, then {now}; expected one number")
        return SeenSplit(self.name, digester.result(), digester.inputs)

    def _look_at_tensors(self, held: TensorPair, digested: Indices, digester: Digester) -> None:
        everything = digested if self.name == "train" else np.arange(len(self.dataset))
        is_digested = np.zeros(len(self.dataset), bool)
        is_digested[digested] = True
        for part in self._telling(parts(everything, held.sample_bytes), len(everything)):
            inputs, targets = held.take(part)
            self.inputs.check(self.name, int(part[0]), torch.from_numpy(np.asarray(inputs[0])))
            finite = np.isfinite(inputs).reshape(len(part), -1).all(1)
            if not finite.all():
                raise self._not_finite(int(part[finite.argmin()]))
            self._check_targets(part, targets)
            for row in np.flatnonzero(is_digested[part]):
                digester.add(int(part[row]), inputs[row], targets[row])

    def _check_targets(self, part: Indices, targets: NDArray[Any]) -> None:
        """Check all at once, and name the first one that is wrong."""
        wrong = 0
        if self.classes is not None and targets.ndim == 1 and targets.dtype.kind in "iu":
            outside = (targets < 0) | (targets >= self.classes)
            if not outside.any():
                return
            wrong = int(outside.argmax())
        self.check_target(int(part[wrong]), torch.from_numpy(np.asarray(targets[wrong])))

    def _look_at_samples(self, digested: Indices, digester: Digester) -> None:
        ones = (digested[start : start + 1] for start in range(len(digested)))
        first: tuple[int, ...] | None = None
        for part in self._telling(ones, len(digested)):
            index = int(part[0])
            image, target = read_sample(self.dataset, index, f"task.{self.name}")
            for tensor in self.inputs.check(self.name, index, image).values():
                if not torch.isfinite(tensor).all():
                    raise self._not_finite(index)
            first = self.check_target(index, target, first)
            digester.add(index, image, target)

    def _check_repeatable(self, digested: Indices) -> None:
        """Read a few samples twice: what is measured on random ones cannot be measured again."""
        if self.name == "train":
            return
        chosen = digested[np.linspace(0, len(digested) - 1, min(READ_TWICE, len(digested))).round().astype(np.intp)]
        first, second = ([self._digest(index) for index in chosen.tolist()] for _ in range(2))
        for index, before, after in zip(chosen.tolist(), first, second, strict=True):
            if before != after:
                raise TaskError(
                    f"task.{self.name}: sample {index} differs when it is read twice: a random transform (crop, flip, "
                    f"noise)? Give the {self.name} split the transforms of evaluation"
                )

    def _digest(self, index: int) -> bytes:
        image, target = read_sample(self.dataset, index, f"task.{self.name}")
        try:
            return digest_of_value((image, target))
        except TypeError as error:
            raise TaskError(f"task.{self.name}: sample {index}: {error}") from error

    def check_target(self, index: int, target: Any, expected: tuple[int, ...] | None = None) -> tuple[int, ...] | None:
        """A class index, or for other metrics numbers of the ``expected`` shape or what is made of numbers.

        Returns:
            The shape of numbers.
        """
        if self.classes is not None:
            check_label(self.name, index, target, self.classes)
        elif self.scored and is_ragged(target):
            if expected is not None or not _is_made_of_numbers(target):
                raise TaskError(
                    f"task.{self.name}: sample {index}: expected "
                    + (f"a target of shape {expected} as those before" if expected is not None else MADE_OF_NUMBERS)
                    + f", got {kind(target)}"
                )
        elif self.scored:
            array = to_array(target) if isinstance(target, Tensor | int | float | np.generic | np.ndarray) else None
            if array is None or array.dtype.kind not in "biuf":
                raise TaskError(
                    f"task.{self.name}: sample {index}: expected a number or a tensor as target, got {kind(target)}"
                )
            if expected is not None and array.shape != expected:
                raise TaskError(
                    f"task.{self.name}: the target of sample {index} has shape {array.shape}, others have {expected}; "
                    "expected one shape, so that targets can be batched, or lists or mappings, as for boxes"
                )
            return array.shape
        return None

    def _not_finite(self, index: int) -> TaskError:
        return TaskError(f"task.{self.name}: sample {index} holds NaN or infinite values")

    def _telling(self, read: Iterator[Indices], total: int) -> Iterator[Indices]:
        """The same parts, telling how many samples were read where that takes long."""
        started, patience, count = time.monotonic(), PATIENCE_SECONDS, 0
        for part in read:
            yield part
            count += len(part)
            if time.monotonic() - started > patience and count < total:
                patience *= 2
                self._tell(count, total)
        if patience > PATIENCE_SECONDS:
            self._tell(total, total)

    def _tell(self, count: int, total: int) -> None:
        self.on_phase(f"checking the {self.name} split: {count:,} of {total:,} samples")


def _is_made_of_numbers(target: Any) -> bool:
    """Whether a list or a mapping holds tensors, arrays, numbers and text alone, or lists and mappings of these."""
    if isinstance(target, Mapping):
        return all(map(_is_made_of_numbers, target.values()))
    if isinstance(target, list | tuple):
        return all(map(_is_made_of_numbers, target))
    if isinstance(target, np.ndarray | np.generic):
        return target.dtype.kind in "biuf"
    return target is None or isinstance(target, Tensor | int | float | str)


def check_label(name: str, index: int, label: Any, classes: int) -> None:
    """A target is a class index, from 0 to ``classes`` - 1."""
    if isinstance(label, Tensor):
        if label.dim() != 0 or label.is_floating_point():
            raise TaskError(
                f"task.{name}: sample {index}: expected a class index as target, got a tensor of shape "
                f"{tuple(label.shape)} and type {label.dtype}"
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
