"""A crash in native code while a policy is evaluated in this process: the next session knows, and goes on without it.

A runtime, or a part of PyTorch, may end the process by a segmentation fault on one file. A search that is started again
asks for the same policy, as it does after ``kill -9``, and would crash for ever.
"""

from __future__ import annotations

import faulthandler
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from ..evaluators.results.candidate import Candidate
from ..spaces.policy import Policy
from .executors.errors import Elsewhere, WorkerKilled

CRASHED = "crashed.txt"


class CrashLog:
    """``crashed.txt`` of a run: the digest of the policy under way, and behind it what Python says where it crashes.

    It is there only during an evaluation, and afterwards where the process has crashed or was killed. A killed process
    writes nothing more into it, so that its policy is evaluated again.

    Args:
        folder: the run's.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / CRASHED
        written = self._file.read_text(errors="replace") if self._file.exists() else ""
        self._digest, _, self._said = written.partition("\n")

    def submitted(self, policy: Policy, submit: Callable[[], Future[Candidate]]) -> Future[Candidate]:
        """What ``submit`` returns; a future that holds the error where an earlier session has crashed by the policy."""
        if policy.digest == self._digest and self._said:
            return self._crash()
        with self._file.open("w") as stream:
            stream.write(f"{policy.digest}\n")
            stream.flush()
            with _crashes_told(stream):
                submitted = submit()
        self._file.unlink(missing_ok=True)
        return submitted

    def _crash(self) -> Future[Candidate]:
        what, _, _ = self._said.partition("\n")
        error = WorkerKilled(f"the process of an earlier session crashed by it: {what}")
        error.__cause__ = Elsewhere(self._said)
        future: Future[Candidate] = Future()
        future.set_exception(error)
        return future


@contextmanager
def _crashes_told(stream: TextIO) -> Iterator[None]:
    """Inside, Python says there where it is when the process crashes; afterwards on stderr, if it did so before."""
    others = faulthandler.is_enabled()
    faulthandler.enable(stream)
    try:
        yield
    finally:
        faulthandler.disable()
        if others and sys.__stderr__ is not None:
            faulthandler.enable(sys.__stderr__)
