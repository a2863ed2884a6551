"""The seam of executors: evaluations are submitted, and each gives a future."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from pathlib import Path
from typing import Protocol

from ...evaluators.results.candidate import Candidate
from ...evaluators.results.fronts.front import Front
from ...spaces.policy import Policy

LOOK_SECONDS = 1.0
"""After which whoever waits for a result looks whether there is room for more evaluations than before."""


class Executor(Protocol):
    """Runs evaluations; the loop keeps as many under way as there are workers."""

    @property
    def workers(self) -> int:
        """How many evaluations run at the same time now, one or more; it may change while a search goes on."""
        ...

    @property
    def ordered(self) -> bool:
        """Whether results are taken in the order of asking, so that a search is repeatable whatever takes how long.

        The price is that nothing new is asked for while the evaluation asked for first is the slowest.
        """
        ...

    def submit(self, policy: Policy, artifact: Path, rivals: Front) -> Future[Candidate]:
        """Evaluate a policy, as ``Evaluator.evaluate`` says.

        Args:
            policy: none that is under way.
            artifact: where the ONNX file goes.
            rivals: the front when the policy was asked for.

        Returns:
            The candidate in the future, or what the evaluator has raised.
        """
        ...

    def wait(self, futures: Sequence[Future[Candidate]]) -> None:
        """Return once one of the futures is done, or earlier, e.g. where the number of workers has changed."""
        ...

    def close(self) -> None:
        """Give up what is under way; nothing of it is recorded."""
        ...


def wait_for_any(futures: Sequence[Future[Candidate]]) -> None:
    """What :meth:`Executor.wait` does, of futures that other threads complete."""
    wait(futures, timeout=LOOK_SECONDS, return_when=FIRST_COMPLETED)
