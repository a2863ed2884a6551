"""What samplers are told of a study, kept from one look to the next, is what a fresh look finds."""

from __future__ import annotations

import optuna
import pytest
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.trial import TrialState

from parefront.search.runs.studies.history import History, Tried, tried_digests
from parefront.search.runs.studies.study import REPEATS
from parefront.search.runs.studies.told import DIGEST

KNOBS: dict[str, BaseDistribution] = {"bits": CategoricalDistribution([32, 8, 4])}


def afresh(study: optuna.Study) -> History:
    """Of a copy that nobody has looked at."""
    copied = optuna.create_study(directions=study.directions)
    for trial in study.get_trials():
        if trial.state.is_finished():
            copied.add_trial(trial)
    return History.of(copied)


def test_trials_that_end_in_any_order_are_told_in_that_of_their_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    study = optuna.create_study(directions=["maximize", "minimize"])
    made: list[int] = []
    of = Tried.of

    def counted(study: optuna.Study, trial: optuna.trial.FrozenTrial) -> Tried:
        made.append(trial.number)
        return of(study, trial)

    under_way = [study.ask(KNOBS) for _ in range(12)]
    for trial in under_way:
        trial.set_user_attr(DIGEST, f"{trial.number:064x}")
    under_way[7].set_user_attr(REPEATS, 2)
    monkeypatch.setattr(Tried, "of", counted)
    for number in (5, 1, 7, 0, 11, 3, 2):
        if number == 3:
            study.tell(under_way[number], state=TrialState.FAIL)
        else:
            study.tell(under_way[number], [0.1 * number, 1.0])
        History.of(study)
    assert sorted(made) == [0, 1, 2, 5, 11], "each is read once"
    monkeypatch.undo()
    found = History.of(study)
    assert [tried.digest for tried in found.tried] == [f"{number:064x}" for number in (0, 1, 2, 5, 11)]
    assert found.tried == afresh(study).tried
    assert found.digests == {f"{number:064x}" for number in range(12)} == tried_digests(study)
