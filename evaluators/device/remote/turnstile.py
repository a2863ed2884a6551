"""Lets one or more at a time pass: of those that wait the one with the lowest rank, of equals the first that came."""

from __future__ import annotations

import heapq
import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

LOOK_SECONDS = 1.0
"""After which whoever waits looks whether anybody still wants what it waits for."""


class Withdrawn(Exception):
    """Whoever has asked is gone, so that nothing is to be done."""


class Turnstile:
    """A semaphore of threads with an order. A turn that has begun is never interrupted.

    Args:
        at_once: gives how many turns there may be at a time, which may change; by default one.
    """

    def __init__(self, at_once: Callable[[], int] = lambda: 1) -> None:
        self._at_once = at_once
        self._changed = threading.Condition()
        self._waiting: list[tuple[int, int]] = []
        self._numbers = itertools.count()
        self._turns = 0

    @contextmanager
    def turn(self, rank: int = 0, is_wanted: Callable[[], bool] = lambda: True) -> Iterator[None]:
        """Wait for the turn, and hold it.

        Args:
            rank: lower ones go first.
            is_wanted: asked every second, and before the turn begins.

        Raises:
            Withdrawn: where it is no longer wanted.
        """
        mine = rank, next(self._numbers)
        with self._changed:
            heapq.heappush(self._waiting, mine)
            try:
                while is_wanted() and (self._turns >= self._at_once() or self._waiting[0] != mine):
                    self._changed.wait(LOOK_SECONDS)
                if not is_wanted():
                    raise Withdrawn
                self._turns += 1
            finally:
                self._waiting.remove(mine)
                heapq.heapify(self._waiting)
                self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._turns -= 1
                self._changed.notify_all()

    @property
    def waiting(self) -> int:
        """How many wait."""
        with self._changed:
            return len(self._waiting)
