"""The uncompressed model at the start of a session: measured, and checked to be what the run was begun with."""

from __future__ import annotations

import time

from ..evaluators.results.candidate import Candidate
from ..evaluators.results.metrics import value_of
from ..evaluators.trial.evaluator import Evaluator
from ..spaces.errors import ConfigError
from .runs.identity.baseline import check_baseline
from .runs.run import Run
from .runs.run_facts import quality_in


def measure_baseline(run: Run, evaluator: Evaluator) -> Candidate:
    """Measured anew in every session, since the evaluator needs it; judged by the first measurement.

    Raises:
        ConfigError: where it is not what the first session has measured, on the same device, or lacks a metric that
            the run's objectives and budgets name.
    """
    if run.has_baseline:
        run.check_devices(evaluator.environment)
    started = time.perf_counter()
    measured = evaluator.baseline(run.path / "artifacts")
    if not run.has_baseline:
        run.write_environment(evaluator.environment)
        run.write_baseline(measured, time.perf_counter() - started)
    _check_same_metric(run, evaluator)
    baseline = run.search_baseline
    check_baseline(run.name, baseline, measured)
    for objective in run.settings.objectives:
        value_of(baseline, objective)
    for budget in run.settings.budgets:
        budget.measured(baseline, baseline)
    return baseline


def _check_same_metric(run: Run, evaluator: Evaluator) -> None:
    """Scores by two metrics cannot stand in one front."""
    there, here = run.quality, quality_in(evaluator.environment)
    if there != here and there is not None:
        raise ConfigError(
            f"run {run.name} was scored by {there.worded}, and the task's metric is {here.worded}; "
            "choose another name for the run"
        )
