"""Samples of a map-style dataset as arrays, read in blocks, so that memory holds a block and not the whole split."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Subset, TensorDataset

from ...spaces.errors import TaskError
from ...spaces.messages import first_line, kind, one_line
from ...spaces.task import Dataset

Array = NDArray[Any]
Indices = NDArray[np.intp]
Targets = Array | list[Any]
"""Targets of several samples: an array ``(n, …)``, or a list of ``n`` where they are ragged."""

BLOCK_BYTES = 2**24
"""About so many bytes of a split are in memory at once where it is read block by block."""


@dataclass(frozen=True, slots=True, eq=False)
class TensorPair:
    """What a dataset of tensors holds: inputs and targets ``(n, …)``, and which rows of them it consists of."""

    inputs: torch.Tensor
    targets: torch.Tensor
    rows: Indices | None

    @classmethod
    def of(cls, dataset: Any) -> TensorPair | None:
        """Of a ``TensorDataset`` of two tensors, or of a ``Subset`` of one; None for all other datasets.

        Only of these very classes: what is derived from them may read its samples in another way.
        """
        if type(dataset) is Subset:
            held = cls.of(dataset.dataset)
            if held is None:
                return None
            rows = np.asarray(dataset.indices, dtype=np.intp)
            return cls(held.inputs, held.targets, rows if held.rows is None else held.rows[rows])
        if type(dataset) is TensorDataset and len(dataset.tensors) == 2:
            inputs, targets = dataset.tensors
            return cls(inputs, targets, None)
        return None

    def take(self, indices: Indices) -> tuple[Array, Array]:
        """The samples at these indices of the dataset: inputs and targets ``(len(indices), …)``, a copy."""
        return self.inputs_at(indices), self.targets_at(indices)

    def inputs_at(self, indices: Indices) -> Array:
        return to_array(self.inputs.index_select(0, self._rows(self.inputs, indices)))

    def targets_at(self, indices: Indices) -> Array:
        return to_array(self.targets.index_select(0, self._rows(self.targets, indices)))

    def _rows(self, tensor: torch.Tensor, indices: Indices) -> torch.Tensor:
        return torch.from_numpy(indices if self.rows is None else self.rows[indices]).to(tensor.device)

    @property
    def sample_bytes(self) -> int:
        """Bytes of one sample, input and target."""
        return sum(tensor[:1].numel() * tensor.element_size() for tensor in (self.inputs, self.targets))


def samples(dataset: Dataset, indices: Indices, name: str = "dataset") -> Iterator[tuple[Any, Any]]:
    """``(input, target)`` of the samples at ``indices``, in that order: rows of arrays where the dataset holds tensors.

    Args:
        dataset: map-style.
        indices: below its length.
        name: of the dataset in error messages, e.g. ``"task.search"``.

    Raises:
        TaskError: naming the sample that cannot be read or is no pair.
    """
    held = TensorPair.of(dataset)
    if held is None:
        for index in indices.tolist():
            yield read_sample(dataset, index, name)
        return
    for part in parts(indices, held.sample_bytes):
        yield from zip(*held.take(part), strict=True)


def length_of(dataset: Dataset, name: str = "dataset") -> int:
    """How many samples the dataset says that it has.

    Raises:
        TaskError: where it cannot say so, naming it.
    """
    try:
        return len(dataset)
    except Exception as error:  # whatever the user's code raises, or Python of a length that is none
        raise TaskError(f"{name}: its length cannot be told: {one_line(error)}") from error


def read_sample(dataset: Dataset, index: int, name: str = "dataset") -> tuple[Any, Any]:
    """One ``(input, target)`` as the dataset gives it; raises as :func:`samples` does."""
    try:
        sample = dataset[index]
    except Exception as error:
        raise TaskError(f"{name}: sample {index} cannot be read: {first_line(error)}") from error
    if not isinstance(sample, tuple | list) or len(sample) != 2:
        several = isinstance(sample, tuple | list) and len(sample) > 2
        mend = "; put several inputs into one tuple or dict, ((a, b), target)" if several else ""
        raise TaskError(f"{name}: sample {index}: expected (input, target), got {kind(sample)}{mend}")
    return sample[0], sample[1]


def parts(indices: Indices, sample_bytes: int, block_bytes: int = BLOCK_BYTES) -> Iterator[Indices]:
    """The indices in order, in parts of about ``block_bytes`` of samples; of one sample at least."""
    size = max(1, block_bytes // max(1, sample_bytes))
    return (indices[start : start + size] for start in range(0, len(indices), size))


def is_ragged(target: Any) -> bool:
    """Whether a target is a list, a tuple or a mapping (boxes, of any number), so that targets are not stacked."""
    return isinstance(target, list | tuple | Mapping)


def bytes_of(value: Any) -> int:
    """Bytes of the arrays in an input or a target; a number or a text counts as eight."""
    if isinstance(value, Mapping):
        return sum(map(bytes_of, value.values()))
    if isinstance(value, list | tuple):
        return sum(map(bytes_of, value))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return sum(bytes_of(getattr(value, field.name)) for field in dataclasses.fields(value))
    return int(getattr(value, "nbytes", 8))


def to_array(value: Any) -> Array:
    """A tensor or what numpy takes for an array, without a copy where there need be none."""
    return value.numpy(force=True) if isinstance(value, torch.Tensor) else np.asarray(value)
