"""Where a candidate's time goes: seconds by step."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")


class Stopwatch:
    """Adds up the seconds of named steps.

    Attributes:
        seconds: by step, so far.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._started = time.perf_counter()

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time what is inside as ``name``."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - started

    def each(self, name: str, items: Iterator[T]) -> Iterator[T]:
        """The items, with the time that each takes to come as ``name``."""
        while True:
            with self.step(name):
                try:
                    item = next(items)
                except StopIteration:
                    return
            yield item

    def total(self) -> dict[str, float]:
        """All steps, with ``total`` since the stopwatch was made."""
        return {**self.seconds, "total": time.perf_counter() - self._started}
