"""The seam of executors: evaluations are submitted, and each gives a future."""

from __future__ import annotations

from concurrent.futures import Future
from pathlib import Path
from typing import Protocol

from ...evaluators.results.candidate import Candidate
from ...evaluators.results.front import Front
from ...spaces.policy import Policy


class Executor(Protocol):
    """Runs evaluations; the loop keeps as many under way as there are workers."""

    @property
    def workers(self) -> int:
        """How many evaluations run at the same time, one or more."""
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

    def close(self) -> None:
        """Give up what is under way; nothing of it is recorded."""
        ...
