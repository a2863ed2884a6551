"""The samples that scores are taken on: stacked once where they are small, else read anew each time they are scored."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ...spaces.errors import TaskError
from ...spaces.task import Dataset
from ...spaces.tensors.batch import Arrays, named
from ...spaces.tensors.signature import INPUT, InputForm
from .reading import Array, Indices, Targets, TensorPair, bytes_of, read_sample
from .stacks import NamedStack, TargetStack, input_arrays

STACKED_BYTES = 2**30
"""Inputs of a split that take more than this are read anew each time they are scored."""
COPIED_BYTES = 2**26
"""And so are those that take more than this where the dataset has them in memory anyway, so that a stack is a copy."""
TARGET_BYTES = 2**28
"""Targets that take more than this are read anew, too: maps of a class for every pixel."""
OBJECT_BYTES = 1024
"""What the objects of a target that is a list or a mapping take besides their numbers."""
STACKED_AT_ONCE = 8
"""Samples that are held twice while they are stacked."""


class SplitSamples:
    """Inputs ``(n, …)`` and targets ``(n, …)`` of a dataset, in the order of ``indices``.

    Inputs that are floating point numbers are float32. Several of them come by name.

    Targets that are lists, tuples or mappings (boxes, of any number) come as a list of what the dataset gives.

    The inputs are stacked once where they are small (:data:`STACKED_BYTES`, :data:`COPIED_BYTES`), and else read batch
    by batch whenever they are asked for. Targets that are small are kept from the first reading on.

    Args:
        dataset: map-style, of ``(input, target)``.
        indices: of the samples, in the order wanted; one at least.
        name: of the dataset in error messages, e.g. ``"task.test"``.
        form: how the inputs of a sample are nested; None for one tensor.
    """

    def __init__(
        self, dataset: Dataset, indices: Indices, name: str = "dataset", form: InputForm | None = None
    ) -> None:
        self.indices = indices
        self._dataset, self._name, self._form = dataset, name, form
        self._held = TensorPair.of(dataset)
        self._targets = TargetStack(len(indices), name)
        self._inputs: NamedStack | None = None
        if not self._reads_each_time():
            stack = NamedStack(len(indices), name, single=True)
            for start, end in _steps(0, len(indices), STACKED_AT_ONCE if self._held is None else len(indices)):
                stack.extend(self._read(start, end)[0], int(indices[start]))
            self._inputs = stack

    def __len__(self) -> int:
        return len(self.indices)

    def read(self, start: int, end: int) -> tuple[Arrays, Targets]:
        """Inputs and targets from ``start`` to before ``end``, shape ``(end - start, …)``; no input is NaN or infinite.

        Raises:
            TaskError: naming the sample that cannot be read, or differs from others in shape.
        """
        if self._inputs is not None and self._targets.filled >= end:
            return self.inputs(start, end), self.targets(start, end)
        return self._read(start, end)

    def inputs(self, start: int, end: int) -> Arrays:
        """The inputs alone."""
        if self._inputs is not None:
            return self._inputs.part(start, end)
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
        first, again = (self._parts(read_sample(self._dataset, index, self._name)[0], index) for _ in range(2))
        hands_out_its_own = self._held is not None or all(
            _address(first[name]) == _address(again[name]) is not None for name in first
        )
        size = len(self) * sum(_stored_bytes(part) for part in first.values())
        return size > (COPIED_BYTES if hands_out_its_own else STACKED_BYTES)

    def _read(self, start: int, end: int) -> tuple[Arrays, Targets]:
        """From the dataset; targets that were not read before are kept where all of them are small."""
        if self._held is not None:
            read = self._held.take(self.indices[start:end])
            self._keep(start, read[1])
            whole = np.float32 if read[0].dtype.kind == "f" else read[0].dtype
            return np.ascontiguousarray(read[0], whole), read[1]
        indices = self.indices[start:end].tolist()
        inputs, targets = NamedStack(len(indices), self._name, single=True), TargetStack(len(indices), self._name)
        for index in indices:
            given, target = read_sample(self._dataset, index, self._name)
            inputs.put(self._parts(given, index), index)
            targets.put(target, index)
        stacked = inputs.part(0, len(indices))
        for part in named(stacked, INPUT).values():
            finite = np.isfinite(part).reshape(len(indices), -1).all(1)
            if not finite.all():
                raise TaskError(f"{self._name}: sample {indices[finite.argmin()]} holds NaN or infinite values")
        found = targets.part(0, len(indices))
        self._keep(start, found)
        return stacked, found

    def _parts(self, inputs: Any, index: int) -> dict[str, Array]:
        return input_arrays(self._form, inputs, self._name, index)

    def _keep(self, start: int, targets: Targets) -> None:
        """Targets that were not read before, where all of them are small."""
        known = self._targets.filled
        objects = OBJECT_BYTES * len(targets) if isinstance(targets, list) else 0
        all_bytes = len(self) * (objects + sum(map(bytes_of, targets))) / len(targets)
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

    def __getitem__(self, part: slice) -> Arrays:
        start, end, _ = part.indices(len(self))
        return self._samples.inputs(self._start + start, self._start + end)


def _stored_bytes(part: Array) -> int:
    """Bytes of an input as it is stacked."""
    return part.size * (np.dtype(np.float32).itemsize if part.dtype.kind == "f" else part.itemsize)


def _address(value: Any) -> int | None:
    """Where a tensor or an array lies in memory."""
    if isinstance(value, np.ndarray):
        return int(value.ctypes.data)
    pointer = getattr(value, "data_ptr", None)
    return int(pointer()) if pointer is not None else None
