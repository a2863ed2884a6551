"""The samples that scores are taken on: stacked once where they are small, else read anew each time they are scored."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ...spaces.errors import TaskError
from ...spaces.task import Dataset
from .reading import Array, Indices, Targets, TensorPair, bytes_of, is_ragged, read_sample, to_array

STACKED_BYTES = 2**30
"""Inputs of a split that take more than this are read anew each time they are scored."""
COPIED_BYTES = 2**26
"""And so are those that take more than this where the dataset has them in memory anyway, so that a stack is a copy."""
TARGET_BYTES = 2**28
"""Targets that take more than this are read anew, too: maps of a class for every pixel."""
STACKED_AT_ONCE = 8
"""Samples that are held twice while they are stacked."""


class SplitSamples:
    """Inputs, float32 ``(n, …)``, and targets ``(n, …)`` of a dataset, in the order of ``indices``.

    Targets that are lists, tuples or mappings (boxes, of any number) come as a list of what the dataset gives.

    The inputs are stacked once where they are small (:data:`STACKED_BYTES`, :data:`COPIED_BYTES`), and else read batch
    by batch whenever they are asked for. Targets that are small are kept from the first reading on.

    Args:
        dataset: map-style, of ``(input, target)``.
        indices: of the samples, in the order wanted; one at least.
        name: of the dataset in error messages, e.g. ``"task.test"``.
    """

    def __init__(self, dataset: Dataset, indices: Indices, name: str = "dataset") -> None:
        self.indices = indices
        self._dataset, self._name = dataset, name
        self._held = TensorPair.of(dataset)
        self._targets = TargetStack(len(indices), name)
        self._inputs: Stack | None = None
        if not self._reads_each_time():
            stack = Stack(len(indices), name, np.float32)
            for start, end in _steps(0, len(indices), STACKED_AT_ONCE if self._held is None else len(indices)):
                stack.extend(self._read(start, end)[0], int(indices[start]))
            self._inputs = stack

    def __len__(self) -> int:
        return len(self.indices)

    def read(self, start: int, end: int) -> tuple[Array, Targets]:
        """Inputs and targets from ``start`` to before ``end``, shape ``(end - start, …)``; no input is NaN or infinite.

        Raises:
            TaskError: naming the sample that cannot be read, or differs from others in shape.
        """
        if self._inputs is not None and self._targets.filled >= end:
            return self.inputs(start, end), self.targets(start, end)
        return self._read(start, end)

    def inputs(self, start: int, end: int) -> Array:
        """The inputs alone."""
        if self._inputs is not None:
            return self._inputs.array[start:end]
        return self._read(start, end)[0]

    def targets(self, start: int, end: int) -> Targets:
        """The targets alone."""
        if self._targets.filled >= end:
            return self._targets.part(start, end)
        if self._held is not None:
            return self._held.targets_at(self.indices[start:end])
        targets = TargetStack(end - start, self._name)
        for first, last in _steps(start, end, STACKED_AT_ONCE):
            targets.extend(self._read(first, last)[1], int(self.indices[first]))
        return targets.part(0, end - start)

    def part(self, start: int, end: int) -> InputsPart:
        """The inputs from ``start`` to before ``end`` as a sequence that is read batch by batch."""
        return InputsPart(self, start, end)

    def _reads_each_time(self) -> bool:
        index = int(self.indices[0])
        first, again = (read_sample(self._dataset, index, self._name)[0] for _ in range(2))
        hands_out_its_own = self._held is not None or _address(first) == _address(again) is not None
        size = len(self) * to_array(first).size * np.dtype(np.float32).itemsize
        return size > (COPIED_BYTES if hands_out_its_own else STACKED_BYTES)

    def _read(self, start: int, end: int) -> tuple[Array, Targets]:
        """From the dataset; targets that were not read before are kept where all of them are small."""
        if self._held is not None:
            read = self._held.take(self.indices[start:end])
            self._keep(start, read[1])
            return np.ascontiguousarray(read[0], np.float32), read[1]
        indices = self.indices[start:end].tolist()
        inputs, targets = Stack(len(indices), self._name, np.float32), TargetStack(len(indices), self._name)
        for index in indices:
            image, target = read_sample(self._dataset, index, self._name)
            inputs.put(to_array(image), index)
            targets.put(target, index)
        finite = np.isfinite(inputs.array).reshape(len(indices), -1).all(1)
        if not finite.all():
            raise TaskError(f"{self._name}: sample {indices[finite.argmin()]} holds NaN or infinite values")
        found = targets.part(0, len(indices))
        self._keep(start, found)
        return inputs.array, found

    def _keep(self, start: int, targets: Targets) -> None:
        """Targets that were not read before, where all of them are small."""
        known = self._targets.filled
        all_bytes = len(self) * sum(map(bytes_of, targets)) / len(targets)
        if start <= known < start + len(targets) and all_bytes <= TARGET_BYTES:
            self._targets.extend(targets[known - start :], int(self.indices[known]))


def _steps(start: int, end: int, size: int) -> Iterator[tuple[int, int]]:
    """Ranges of ``size`` from ``start`` to ``end``, the last one shorter."""
    return ((first, min(first + size, end)) for first in range(start, end, size))


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
        """One more row; ``index`` is that of the sample, for error messages.

        Raises:
            TaskError: where its shape is another one than that of the rows before.
        """
        if self.filled and value.shape == self.array.shape[1:] and value.dtype == self.array.dtype:
            self.array[self.filled] = value
            self.filled += 1
        else:
            self.extend(value[np.newaxis], index)

    def extend(self, rows: Array, index: int) -> None:
        """More rows ``(m, …)``; as :meth:`put`."""
        if self.filled == 0:
            self.array = np.empty((self._length, *rows.shape[1:]), self._dtype or rows.dtype)
        if rows.shape[1:] != self.array.shape[1:]:
            raise TaskError(
                f"{self._name}: sample {index} has an array of shape {rows.shape[1:]}, others have "
                f"{self.array.shape[1:]}; expected one shape, so that samples can be batched"
            )
        if self._dtype is None and rows.dtype != self.array.dtype:
            self.array = self.array.astype(np.result_type(self.array, rows), copy=False)
        self.array[self.filled : self.filled + len(rows)] = rows
        self.filled += len(rows)


class TargetStack:
    """Targets of samples: a :class:`Stack` of arrays, or a list where they are ragged.

    Args:
        length: of all.
        name: of the dataset in error messages.
    """

    def __init__(self, length: int, name: str = "dataset") -> None:
        self._name = name
        self._stack, self._list = Stack(length, name), list[Any]()

    @property
    def filled(self) -> int:
        """How many there are."""
        return len(self._list) or self._stack.filled

    def part(self, start: int, end: int) -> Targets:
        """Those from ``start`` to before ``end``."""
        return self._list[start:end] if self._list else self._stack.array[start:end]

    def put(self, target: Any, index: int) -> None:
        """One more; ``index`` is that of the sample, for error messages.

        Raises:
            TaskError: where it is of another kind or shape than those before.
        """
        ragged = is_ragged(target)
        if self.filled and ragged != bool(self._list):
            raise TaskError(
                f"{self._name}: the target of sample {index} is a {type(target).__name__}, others are "
                f"{'lists or mappings' if self._list else 'arrays'}; expected one kind"
            )
        if ragged:
            self._list.append(target)
        else:
            self._stack.put(to_array(target), index)

    def extend(self, targets: Targets, index: int) -> None:
        """More of them; as :meth:`put`."""
        if isinstance(targets, list):
            for target in targets:
                self.put(target, index)
        else:
            self._stack.extend(targets, index)


def _address(value: Any) -> int | None:
    """Where a tensor or an array lies in memory."""
    if isinstance(value, np.ndarray):
        return int(value.ctypes.data)
    pointer = getattr(value, "data_ptr", None)
    return int(pointer()) if pointer is not None else None
