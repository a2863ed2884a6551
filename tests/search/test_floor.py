"""What is of no use is told to the sampler as a missed constraint, unless the user bounds the quality."""

from __future__ import annotations

import optuna

from parefront.search.runs.studies.told import FLOOR

from .conftest import SearchIn
from .synthetic import ACCURACY, SyntheticEvaluator


def test_samplers_are_told_what_is_of_no_use(search_in: SearchIn) -> None:
    run, front = search_in(SyntheticEvaluator(blocks=10), trials=25)
    study = optuna.load_study(study_name=None, storage=f"sqlite:///{run.path / 'study.db'}")
    complete = [trial for trial in study.get_trials() if trial.state == optuna.trial.TrialState.COMPLETE]
    assert front.floor is not None
    for trial in complete:
        assert (trial.constraints[FLOOR] > 0) == (trial.values[0] < ACCURACY / 2)


def test_a_budget_on_the_quality_takes_its_place(search_in: SearchIn) -> None:
    run, _ = search_in(SyntheticEvaluator(blocks=3), trials=5, budget=["accuracy >= -5pt"])
    study = optuna.load_study(study_name=None, storage=f"sqlite:///{run.path / 'study.db'}")
    assert all(FLOOR not in trial.constraints for trial in study.get_trials())
