"""The samples that scores are taken on: stacked once where they are small, else read anew each time they are scored."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..spaces import Dataset, TaskError
from .reading import Array, Indices, TensorPair, read_sample, to_array

STACKED_BYTES = 2**30
"""Inputs of a split that take more than this are read anew each time they are scored."""
COPIED_BYTES = 2**26
"""And so are those that take more than this where the dataset has them in memory anyway, so that a stack is a copy."""


class SplitSamples:
    """Inputs, float32 ``(n, …)``, and targets ``(n, …)`` of a dataset, in the order of ``indices``.

    A dataset of tensors is indexed as a whole and not copied. Of all others the inputs are stacked once where they are
    small (:data:`STACKED_BYTES`, :data:`COPIED_BYTES`), and else read batch by batch whenever they are asked for.
    Targets are kept from the first reading on.

    Args:
        dataset: map-style, of ``(input, target)``.
        indices: of the samples, in the order wanted; one at least.
        name: of the dataset in error messages, e.g. ``"task.test"``.
    """

    def __init__(self, dataset: Dataset, indices: Indices, name: str = "dataset") -> None:
        self.indices = indices
        self._dataset, self._name = dataset, name
        self._held = TensorPair.of(dataset)
        self._targets = Stack(len(indices), name)
        self._inputs: Stack | None = None
        if self._held is not None:
            self._targets.fill(self._held.targets_at(indices))
        elif not self._reads_each_time():
            self._inputs = Stack(len(indices), name, np.float32)
            self._read(0, len(indices), self._inputs)

    def __len__(self) -> int:
        return len(self.indices)

    def inputs(self, start: int, end: int) -> Array:
        """The inputs from ``start`` to before ``end``, shape ``(end - start, …)``; none of them is NaN or infinite.

        Raises:
            TaskError: naming the sample that cannot be read, or differs from others in shape.
        """
        if self._held is not None:
            return np.ascontiguousarray(self._held.inputs_at(self.indices[start:end]), np.float32)
        if self._inputs is not None:
            return self._inputs.array[start:end]
        block = Stack(min(end, len(self)) - start, self._name, np.float32)
        self._read(start, start + len(block), block)
        return block.array

    def targets(self, count: int) -> Array:
        """The first ``count`` targets, shape ``(count, …)``."""
        if self._targets.filled < count:
            self._read(self._targets.filled, count, None)
        return self._targets.array[:count]

    def part(self, start: int, end: int) -> InputsPart:
        """The inputs from ``start`` to before ``end`` as a sequence that is read batch by batch."""
        return InputsPart(self, start, end)

    def _reads_each_time(self) -> bool:
        index = int(self.indices[0])
        first, again = (read_sample(self._dataset, index, self._name)[0] for _ in range(2))
        hands_out_its_own = _address(first) is not None and _address(first) == _address(again)
        size = len(self) * to_array(first).size * np.dtype(np.float32).itemsize
        return size > (COPIED_BYTES if hands_out_its_own else STACKED_BYTES)

    def _read(self, start: int, end: int, into: Stack | None) -> None:
        """Read samples; inputs go ``into`` a stack, and targets that were not read before are kept."""
        for position in range(start, end):
            index = int(self.indices[position])
            image, target = read_sample(self._dataset, index, self._name)
            if into is not None:
                array = to_array(image)
                if not np.isfinite(array).all():
                    raise TaskError(f"{self._name}: sample {index} holds NaN or infinite values")
                into.put(array, index)
            if position == self._targets.filled:
                self._targets.put(to_array(target), index)


class InputsPart:
    """A part of the inputs: sliced, it gives an array; whole, it is never in memory."""

    def __init__(self, samples: SplitSamples, start: int, end: int) -> None:
        self._samples, self._start, self._end = samples, start, end

    def __len__(self) -> int:
        return self._end - self._start

    def __getitem__(self, part: slice) -> Array:
        start, end, _ = part.indices(len(self))
        return self._samples.inputs(self._start + start, self._start + end)


class Stack:
    """Arrays of one shape put together in one of ``length`` rows, without holding them twice.

    Args:
        length: rows.
        name: of the dataset in error messages.
        dtype: what all are converted to; by default one that holds them all.
    """

    def __init__(self, length: int, name: str = "dataset", dtype: Any = None) -> None:
        self._length, self._name, self._dtype = length, name, dtype
        self.filled = 0
        self.array: Array = np.empty(0)

    def __len__(self) -> int:
        return self._length

    def put(self, value: Array, index: int) -> None:
        """The next row; ``index`` is that of the sample, for error messages.

        Raises:
            TaskError: where its shape is another one than that of the rows before.
        """
        if self.filled == 0:
            self.array = np.empty((self._length, *value.shape), self._dtype or value.dtype)
        if value.shape != self.array.shape[1:]:
            raise TaskError(
                f"{self._name}: sample {index} has an array of shape {value.shape}, others have "
                f"{self.array.shape[1:]}; expected one shape, so that samples can be batched"
            )
        if self._dtype is None and value.dtype != self.array.dtype:
            self.array = self.array.astype(np.result_type(self.array, value), copy=False)
        self.array[self.filled] = value
        self.filled += 1

    def fill(self, rows: Array) -> None:
        """All rows at once."""
        self.array, self.filled = rows, len(rows)


def _address(value: Any) -> int | None:
    """Where a tensor or an array lies in memory."""
    if isinstance(value, np.ndarray):
        return int(value.ctypes.data)
    pointer = getattr(value, "data_ptr", None)
    return int(pointer()) if pointer is not None else None
