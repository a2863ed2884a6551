"""The local executor: one evaluation after the other, in this thread."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

from ...evaluators.results.candidate import Candidate
from ...evaluators.results.fronts.front import Front
from ...evaluators.trial.evaluator import Evaluator
from ...spaces.policy import Policy


class LocalExecutor:
    """Evaluates at once whatever is submitted, so that nothing else of ours runs while a latency is measured.

    Args:
        evaluator: left open.
    """

    workers = 1
    ordered = True

    def __init__(self, evaluator: Evaluator) -> None:
        self._evaluator = evaluator

    def submit(self, policy: Policy, artifact: Path, rivals: Front) -> Future[Candidate]:
        """As :meth:`Executor.submit`; the future is done when it is returned.

        Raises:
            KeyboardInterrupt: as whatever else ends the process; errors of the evaluator are the future's.
        """
        future: Future[Candidate] = Future()
        try:
            candidate = self._evaluator.evaluate(policy, artifact, rivals)
            future.set_result(replace(candidate, spans=()))  # one thread computes and reads by turns
        except Exception as error:
            future.set_exception(error)
        return future

    def wait(self, futures: Sequence[Future[Candidate]]) -> None:
        """All are done."""

    def close(self) -> None:
        """There is nothing under way."""
