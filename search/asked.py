"""A trial whose policy was asked for, and the record that comes of its evaluation."""

from __future__ import annotations

import time
from concurrent.futures import Future
from dataclasses import dataclass, replace

from optuna.trial import Trial

from ..evaluators.results.candidate import Candidate
from ..evaluators.results.errors import NotMeasured
from ..evaluators.results.metrics import value_of
from ..evaluators.trial.evaluator import Evaluator
from ..spaces.errors import ConfigError, Infeasible
from ..spaces.messages import one_line
from ..spaces.policy import Policy
from .causes import traceback_of
from .finalise import raise_what_ends_a_search
from .runs.record import Outcome, TrialRecord
from .runs.run import Run


@dataclass(frozen=True)
class Asked:
    """A trial whose policy is being evaluated.

    Attributes:
        trial: of the study.
        policy: that was suggested.
        started: on the clock of ``time.perf_counter``, when it was asked for.
        seconds: that the sampler took.
        result: None where another trial has, or will have, the outcome of the same policy.
    """

    trial: Trial
    policy: Policy
    started: float
    seconds: float
    result: Future[Candidate] | None


def record_of(asked: Asked, run: Run, evaluator: Evaluator, raise_errors: bool) -> TrialRecord:
    """Wait for an evaluation, and say how it ended.

    Args:
        asked: with a result to wait for.
        run: whose log an error goes to; its settings say what has to be measured.
        evaluator: asked whether the device is well where it has failed.
        raise_errors: whether an error of the evaluator is raised, instead of recorded.

    Raises:
        ParefrontError: as the evaluator raises it, but for ``Infeasible``, which is an outcome.
        OSError: and what else is this machine's fault.
    """
    assert asked.result is not None, "a policy that another trial evaluates has no record of its own"
    trial, policy = asked.trial, asked.policy
    outcome, candidate, reason, traceback = Outcome.COMPLETE, None, "", ""
    try:
        candidate = asked.result.result()
        candidate = replace(candidate, trial=trial.number, timings={"ask": asked.seconds, **candidate.timings})
        _check_measured(candidate, run)
    except Infeasible as error:
        outcome, candidate, reason = Outcome.INFEASIBLE, None, str(error)
    except Exception as error:
        raise_what_ends_a_search(error, run, evaluator, raise_errors)
        outcome, candidate, reason, traceback = Outcome.FAILED, None, one_line(error), traceback_of(error)
        run.log(f"trial {trial.number} failed\n{traceback}")
    if candidate is None:
        run.artifact(policy.digest).unlink(missing_ok=True)
    seconds = time.perf_counter() - asked.started
    return TrialRecord(trial.number, policy, outcome, candidate, reason, seconds, traceback)


def _check_measured(candidate: Candidate, run: Run) -> None:
    """Raise ``NotMeasured`` where a metric of the objectives or budgets is missing, as the baseline's never is."""
    try:
        for objective in run.settings.objectives:
            value_of(candidate, objective)
        for budget in run.settings.budgets:
            budget.measured(candidate, candidate)
    except ConfigError as error:
        raise NotMeasured(str(error)) from error
