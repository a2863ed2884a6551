"""Trials read from the rows of Optuna's tables are those that Optuna itself reads."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import optuna
import pytest
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.study import StudyDirection
from optuna.trial import TrialState, create_trial

from parefront.search.runs.studies.rows import read_trials
from parefront.search.runs.studies.study_file import StudyFile

KNOBS: dict[str, BaseDistribution] = {
    "drop": CategoricalDistribution([False, True]),
    "bits": CategoricalDistribution([0, 1]),
    "how/ü": CategoricalDistribution(["mild", "strong", None]),
    "ratio": FloatDistribution(0.0, 0.9),
    "rank": IntDistribution(1, 64, log=True),
}


@pytest.fixture
def study(tmp_path: Path) -> optuna.Study:
    """Of Optuna's own making: complete, failed and unfinished trials, numbers that are infinite, attributes."""
    made = optuna.create_study(storage=f"sqlite:///{tmp_path}/study.db", directions=["maximize", "minimize"])
    optuna.create_study(storage=made._storage, study_name="another").add_trial(create_trial(value=1.0))
    for number in range(6):
        trial = made.ask(KNOBS)
        trial.set_user_attr("digest", f"{number:064x}")
        trial.set_user_attr("noise", [0.01, 0.5])
        trial.set_constraint("latency <= 0.5x", -0.25)
        if number != 4:
            made.tell(trial, [0.9, float("inf")] if number % 2 else None, TrialState(1 if number % 2 else 3))
    made.add_trial(create_trial(values=[1.0, 2.0], intermediate_values={0: 0.5, 3: float("-inf")}))
    return made


def read(path: Path) -> list[optuna.trial.FrozenTrial]:
    with closing(sqlite3.connect(path)) as connection:
        return read_trials(connection, 1)


def test_they_equal_those_that_optuna_reads(study: optuna.Study, tmp_path: Path) -> None:
    found, wanted = read(tmp_path / "study.db"), study.get_trials()
    assert [vars(trial) for trial in found] == [vars(trial) for trial in wanted]
    assert [repr(trial.params) for trial in found] == [repr(trial.params) for trial in wanted]
    assert [[*trial.distributions] for trial in found] == [[*trial.distributions] for trial in wanted]


def test_trials_of_the_same_knobs_share_their_distributions(study: optuna.Study, tmp_path: Path) -> None:
    first, second = read(tmp_path / "study.db")[:2]
    assert first.distributions is second.distributions


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE trials SET state = 'DONE'",
        "UPDATE trials SET datetime_start = 'yesterday'",
        "UPDATE trial_params SET distribution_json = '{'",
        "UPDATE trial_params SET param_value = 7.0 WHERE param_name = 'drop'",
        "UPDATE trial_values SET value_type = 'LARGE'",
        "UPDATE trial_values SET objective = objective + 5",
        "DROP TABLE trial_user_attributes",
    ],
)
def test_what_optuna_does_not_write_is_refused(study: optuna.Study, tmp_path: Path, damage: str) -> None:
    with closing(sqlite3.connect(tmp_path / "study.db")) as connection, connection:
        connection.execute(damage)
    with pytest.raises((ValueError, KeyError, IndexError, sqlite3.Error)):
        read(tmp_path / "study.db")


@pytest.fixture
def east(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine whose clock is not Greenwich's."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("east")
def test_times_are_those_that_optuna_writes_and_reads(tmp_path: Path) -> None:
    made = optuna.create_study()
    made.tell(made.ask(KNOBS), 1.0)
    wanted = made.trials[0]
    with closing(StudyFile(tmp_path / "study.db", "search", [StudyDirection.MINIMIZE], ["latency"])) as file:
        file.append(wanted, {})
        assert file.trials()[0].datetime_start == wanted.datetime_start
    read_back = optuna.load_study(study_name="search", storage=f"sqlite:///{tmp_path}/study.db").trials[0]
    assert (read_back.datetime_start, read_back.datetime_complete) == (wanted.datetime_start, wanted.datetime_complete)
