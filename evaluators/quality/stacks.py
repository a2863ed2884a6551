"""Samples put together one by one: arrays of one shape, several of them by name, or lists of what is ragged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ...spaces.errors import TaskError
from ...spaces.tensors.batch import Arrays, named, unnamed
from ...spaces.tensors.signature import INPUT, InputForm
from ...spaces.tensors.structure import StructureError
from .reading import Array, Targets, is_ragged, to_array


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


class NamedStack:
    """A :class:`Stack` for each of several arrays by name, or for the one.

    Args:
        length: rows.
        name: of the dataset in error messages.
        single: whether floating point numbers become float32.
    """

    def __init__(self, length: int, name: str = "dataset", single: bool = False) -> None:
        self._length, self._name, self._single = length, name, single
        self._stacks: dict[str, Stack] = {}

    def __len__(self) -> int:
        return self._length

    @property
    def filled(self) -> int:
        """How many rows there are."""
        return next((stack.filled for stack in self._stacks.values()), 0)

    def part(self, start: int, end: int) -> Arrays:
        """The rows from ``start`` to before ``end``."""
        found: Arrays = unnamed({name: stack.array[start:end] for name, stack in self._stacks.items()})
        return found

    def put(self, parts: Mapping[str, Array], index: int) -> None:
        """One more row of each; as :meth:`Stack.put`."""
        for name, value in parts.items():
            self._stack(name, value).put(value, index)

    def extend(self, rows: Arrays, index: int) -> None:
        """More rows ``(m, …)`` of each; as :meth:`Stack.put`."""
        for name, value in named(rows, INPUT).items():
            self._stack(name, value).extend(value, index)

    def _stack(self, name: str, value: Array) -> Stack:
        if name not in self._stacks:
            dtype = np.float32 if self._single and value.dtype.kind == "f" else None
            self._stacks[name] = Stack(self._length, self._name, dtype)
        return self._stacks[name]


def input_arrays(form: InputForm | None, inputs: Any, name: str, index: int) -> dict[str, Array]:
    """The inputs of one sample by name.

    Args:
        form: of the inputs; None for one tensor.
        inputs: as the dataset gives them.
        name: of the dataset in error messages.
        index: of the sample.

    Raises:
        TaskError: where they are nested otherwise.
    """
    if form is None:
        return {INPUT: to_array(inputs)}
    try:
        return {key: to_array(value) for key, value in form.flatten(inputs).items()}
    except StructureError as error:
        raise TaskError(f"{name}: the inputs of sample {index}: {error}") from error
