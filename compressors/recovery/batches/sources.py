"""Where batches of the training split come from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ....spaces.tensors.batch import Tensors

Labelled = tuple[Tensors, Tensor | None]
"""Inputs ``(n, …)``, and their labels ``(n,)`` where they are classes."""
Read = Callable[[NDArray[np.intp]], Labelled]
"""Gives samples of the training split by their indices."""


class Source(Protocol):
    """Batches by epoch and place; the same ones whenever they are asked for."""

    @property
    def batches(self) -> int:
        """In one epoch."""
        ...

    def batch(self, epoch: int, place: int) -> Labelled:
        """The batch with this number in an epoch, both from 0."""
        ...


class Samples:
    """Samples in an order that is drawn anew for every epoch; an epoch ends with its last whole batch.

    Args:
        read: gives samples by their indices.
        length: how many there are.
        size: samples in a batch; all where there are fewer.
        seed: of the order.
    """

    def __init__(self, read: Read, length: int, size: int, seed: int = 0) -> None:
        self._read, self.length, self.size, self._seed = read, length, min(size, length), seed
        self._order: tuple[int, NDArray[Any]] = (-1, np.zeros(0, np.intp))

    @property
    def batches(self) -> int:
        return self.length // self.size

    def batch(self, epoch: int, place: int) -> Labelled:
        if self._order[0] != epoch:
            self._order = epoch, np.random.default_rng((self._seed, epoch)).permutation(self.length)
        return self._read(self._order[1][place * self.size : (place + 1) * self.size])
