"""A file layer that fails: at the n-th step of what is written the process is killed, or the disk is full."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

STEPS = frozenset({"write", "fsync", "replace"})
"""What may fail. ``open`` of files that are read is no step of writing."""


class FaultyOs:
    """Stands for the module ``os`` in ``spaces/files.py``, the one writer of a run's files.

    Attributes:
        steps: how many were taken so far.

    Args:
        at: the step that fails, from 0 on; by default none does, and they are counted alone.
        error: what is raised there, an ``errno``; by default the process is killed. A write has written half by then.
        from_then_on: whether all later steps fail, too, as on a disk that stays full.
    """

    def __init__(self, at: int | None = None, error: int | None = None, from_then_on: bool = False) -> None:
        self.steps = 0
        self._at, self._error, self._from_then_on = at, error, from_then_on

    def __getattr__(self, name: str) -> Any:
        real = getattr(os, name)
        return self._step(name, real) if name in STEPS else real

    def _step(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def step(*arguments: Any) -> Any:
            number, self.steps = self.steps, self.steps + 1
            if self._at is None or number < self._at or (number > self._at and not self._from_then_on):
                return real(*arguments)
            if name == "write":
                descriptor, content = arguments
                os.write(descriptor, content[: len(content) // 2])
            if self._error is None:
                os.kill(os.getpid(), signal.SIGKILL)
            assert self._error is not None
            raise OSError(self._error, os.strerror(self._error))

        return step
