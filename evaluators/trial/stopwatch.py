"""Where a candidate's time goes: seconds by step, and when each step computed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from ..device.lock import THIS_MACHINE, shared
from ..results.span import Span

SHORTEST_READING = 0.003
"""Seconds: sessions are created and dozens of runs timed in every reading."""


class Stopwatch:
    """Adds up the seconds of named steps.

    Attributes:
        seconds: by step, so far.
        spans: when something was computed, so far.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.spans: list[Span] = []
        self._started = time.perf_counter()

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time what is inside as ``name``."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - started

    @contextmanager
    def work(self, name: str) -> Iterator[None]:
        """Compute what is inside as ``name``, while nobody measures on this machine: to wait for that is ``wait``."""
        with ExitStack() as held:
            with self.step("wait"):
                held.enter_context(shared(THIS_MACHINE))
            began = time.time()
            try:
                with self.step(name):
                    yield
            finally:
                self._computed(Span(name, began, time.time()))

    def _computed(self, span: Span) -> None:
        """Remember a span; as part of the one before where nobody can have measured in between."""
        before = self.spans[-1] if self.spans else None
        if before is not None and before.step == span.step and 0 <= span.began - before.ended < SHORTEST_READING:
            self.spans[-1] = replace(before, ended=span.ended)
        else:
            self.spans.append(span)

    def total(self) -> dict[str, float]:
        """All steps, with ``total`` since the stopwatch was made."""
        return {**self.seconds, "total": time.perf_counter() - self._started}
