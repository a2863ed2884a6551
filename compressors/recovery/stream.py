"""One seeded stream of training batches that all students share, with what the teacher gives on each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, fx

from ...spaces.tensors.batch import Outputs, Tensors, channels_last, mapped, named
from .augment import Augmentation
from .precision import FLOAT32, in_precision

Read = Callable[[NDArray[np.intp]], tuple[Tensors, Tensor | None]]
"""Gives the inputs ``(n, …)`` of samples of the training split, and their labels ``(n,)`` where they are classes."""

HELD_BYTES = 2**28
"""Most bytes of the teacher's outputs that are kept; later ones are computed for every student."""


class Stream:
    """Batches by their number: batch ``k`` is the same for every student, in every session and on every machine.

    Samples come in an order that is drawn anew for every epoch; an epoch ends with its last whole batch. What the
    teacher gives on a batch is computed once.

    Args:
        read: gives samples of the training split by their indices.
        length: how many there are.
        teacher: the uncompressed network; never changed.
        batch: samples in one.
        augmentation: drawn from the seed and the batch's number.
        seed: of order and augmentation.
    """

    def __init__(
        self, read: Read, length: int, teacher: fx.GraphModule, batch: int, augmentation: Augmentation, seed: int = 0
    ) -> None:
        self._read, self._teacher = read, teacher
        self.length, self.size = length, min(batch, length)
        self.augmentation, self.seed = augmentation, seed
        self._order: tuple[int, NDArray[Any]] = (-1, np.zeros(0, np.intp))
        self._held: dict[tuple[int, str], Outputs] = {}
        self._bytes = 0

    @property
    def batches(self) -> int:
        """In one epoch."""
        return self.length // self.size

    def batch(self, number: int, precision: str = FLOAT32) -> tuple[Tensors, Outputs, Tensor | None]:
        """Inputs, the teacher's outputs and the labels, where there are any, of a batch by its number.

        Args:
            number: from 0, over all epochs.
            precision: of the teacher's pass. In bfloat16 its outputs err by a thousandth of their variance, where a
                student errs by hundredths, and take a third of the time.
        """
        epoch, place = divmod(number, self.batches)
        if self._order[0] != epoch:
            self._order = epoch, np.random.default_rng((self.seed, epoch)).permutation(self.length)
        inputs, labels = self._read(self._order[1][place * self.size : (place + 1) * self.size])
        inputs = mapped(channels_last, self.augmentation(inputs, np.random.default_rng((self.seed, epoch, place))))
        held = self._held.get((number, precision))
        return inputs, self._keep((number, precision), inputs) if held is None else held, labels

    def _keep(self, key: tuple[int, str], inputs: Tensors) -> Outputs:
        """What the teacher gives, kept where there is room."""
        with torch.no_grad(), in_precision(key[1]):
            outputs: Outputs = self._teacher(inputs)
        size = sum(part.numel() * part.element_size() for part in named(outputs, "").values())
        if self._bytes + size <= HELD_BYTES:
            self._held[key] = outputs
            self._bytes += size
        return outputs
