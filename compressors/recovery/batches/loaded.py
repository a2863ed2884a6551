"""Batches of a ``DataLoader`` of the user's, by their number, in its own order and with its own augmentation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader

from ....spaces.errors import TaskError
from .sources import Labelled


class Loaded:
    """The batches of a loader, which is iterated anew for every epoch, and where an earlier batch is asked for.

    While it is iterated, torch's random numbers are those of the seed and the epoch, and outside they go on as if it
    were not. So an order that ``shuffle=True`` draws, and transforms that draw from torch, in worker processes too, are
    the same whenever a batch is asked for, in every session. What draws from elsewhere (NumPy, Python's ``random``, a
    ``generator`` of the loader's own) is not, and then a resumed training is not the same to the last bit. To come to
    a batch in the middle of an epoch, those before it are read and dropped.

    Args:
        loader: with a length, which is the number of its batches.
        read: makes inputs and labels of what it gives.
        seed: of torch's random numbers meanwhile.

    Raises:
        TaskError: where it is empty, or cannot tell its length.
    """

    def __init__(self, loader: DataLoader[Any], read: Callable[[Any], Labelled], seed: int = 0) -> None:
        try:
            self.batches = len(loader)
        except TypeError as error:
            raise TaskError(
                "task.train: expected a DataLoader that can tell how many batches it has; give its dataset a __len__"
            ) from error
        if self.batches == 0:
            raise TaskError("task.train: the DataLoader gives no batch; leave it out, or lower its batch_size")
        self._loader, self._read, self._seed = loader, read, seed
        self._next = (-1, 0)
        self._given: Labelled | None = None
        self._iterator: Iterator[Any] = iter(())
        self._random = torch.get_rng_state()

    def batch(self, epoch: int, place: int) -> Labelled:
        """The batch with this number in an epoch, both from 0.

        Raises:
            TaskError: where the loader ends before its length is reached.
        """
        if self._given is not None and self._next == (epoch, place + 1):
            return self._given
        if self._next[0] != epoch or self._next[1] > place:
            self._begin(epoch)
        for at in range(self._next[1], place + 1):
            with self._own_random_numbers():
                batch = next(self._iterator, self)
            if batch is self:
                raise TaskError(
                    f"task.train: the DataLoader ended after {at} batches, and said that it has {self.batches}"
                )
            self._next = epoch, at + 1
        self._given = self._read(batch)
        return self._given

    def _begin(self, epoch: int) -> None:
        seed = int(np.random.default_rng((self._seed, epoch)).integers(2**63))
        self._random = torch.Generator().manual_seed(seed).get_state()
        with self._own_random_numbers():
            self._iterator = iter(self._loader)
        self._next = epoch, 0

    @contextmanager
    def _own_random_numbers(self) -> Iterator[None]:
        """Inside, torch's random numbers go on from where they stood when this was left last."""
        with torch.random.fork_rng(devices=[]):
            torch.set_rng_state(self._random)
            yield
            self._random = torch.get_rng_state()
