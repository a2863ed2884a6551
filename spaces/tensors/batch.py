"""Several named tensors of the same samples, sliced along the batch axis as one tensor is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Generic, TypeVar, overload

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Array = NDArray[Any]
A = TypeVar("A")
B = TypeVar("B")


class Batch(Generic[A]):
    """What a model with several inputs takes: tensors, or arrays, whose first axis counts the same samples.

    Of a model with one input it is that tensor itself, so that the common case costs nothing. ``len`` is the number of
    samples; a slice, or indices of samples, give a batch of these; a name gives the tensor that is called so.

    Args:
        parts: by name, in the order in which the model takes them; two or more, each of shape ``(n, …)``.
    """

    __slots__ = ("parts",)

    def __init__(self, parts: Mapping[str, A]) -> None:
        self.parts: dict[str, A] = dict(parts)

    def __len__(self) -> int:
        return len(next(iter(self.parts.values())))  # type: ignore[arg-type]

    @overload
    def __getitem__(self, key: str) -> A: ...
    @overload
    def __getitem__(self, key: slice | Tensor | Array) -> Batch[A]: ...
    def __getitem__(self, key: Any) -> A | Batch[A]:
        return self.parts[key] if isinstance(key, str) else self.map(lambda part: part[key])  # type: ignore[index]

    def __iter__(self) -> Iterator[A]:
        raise TypeError("a batch of several tensors has no one order of samples; iterate over .parts")

    def __repr__(self) -> str:
        return f"Batch({', '.join(f'{n}={tuple(p.shape)}' for n, p in self.parts.items())})"  # type: ignore[attr-defined]

    def map(self, function: Callable[[A], B]) -> Batch[B]:
        """The batch of what ``function`` makes of each tensor."""
        return Batch({name: function(part) for name, part in self.parts.items()})


Tensors = Tensor | Batch[Tensor]
"""What goes into a network: one tensor ``(n, …)``, or several by name."""
Arrays = Array | Batch[Array]
"""The same in NumPy."""
Outputs = Tensor | Mapping[str, Tensor]
"""What a traced network gives: one tensor, or several by name."""


def named(value: A | Batch[A] | Mapping[str, A], single: str) -> dict[str, A]:
    """Tensors by name; one that is alone is called ``single``."""
    if isinstance(value, Batch):
        return value.parts
    return dict(value) if isinstance(value, Mapping) else {single: value}


def floats(value: Tensor | Batch[Tensor] | Mapping[str, Tensor]) -> list[Tensor]:
    """The tensors of floating point numbers among one or several."""
    return [part for part in named(value, "").values() if part.is_floating_point()]


def unnamed(parts: Mapping[str, A]) -> A | Batch[A]:
    """One tensor as itself, several as a batch."""
    return Batch(parts) if len(parts) != 1 else next(iter(parts.values()))


def alone(value: A | Batch[A]) -> A:
    """The one tensor, where there is no other; a ``TypeError`` where there are several."""
    if isinstance(value, Batch):
        raise TypeError(f"expected one tensor, got {', '.join(value.parts)}")
    return value


def mapped(function: Callable[[A], B], value: A | Batch[A]) -> B | Batch[B]:
    """What ``function`` makes of the one tensor, or of each of several."""
    return value.map(function) if isinstance(value, Batch) else function(value)


def to_tensors(arrays: Arrays) -> Tensors:
    """Arrays as tensors that share their memory; floating point numbers of any width become float32."""
    return mapped(_to_tensor, arrays)


def to_arrays(tensors: Tensors) -> Arrays:
    """Tensors as arrays that share their memory."""
    return mapped(lambda tensor: tensor.numpy(), tensors)


def joined(batches: Sequence[Tensors]) -> Tensors:
    """Batches one behind the other, along the batch axis."""
    first = batches[0]
    if not isinstance(first, Batch):
        return torch.cat(batches)  # type: ignore[arg-type]
    parts = [named(batch, "") for batch in batches]
    return Batch({name: torch.cat([part[name] for part in parts]) for name in first.parts})


def channels_last(tensor: Tensor) -> Tensor:
    """Images ``(n, channels, height, width)`` so that a pixel's channels lie together; all else as it is."""
    return tensor.contiguous(memory_format=torch.channels_last) if tensor.dim() == 4 else tensor


def _to_tensor(array: Array) -> Tensor:
    tensor = torch.from_numpy(np.ascontiguousarray(array) if not array.flags.writeable else array)
    return tensor.float() if tensor.is_floating_point() else tensor
