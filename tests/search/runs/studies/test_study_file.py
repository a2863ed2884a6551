"""The study on disk: what is added whole reads as what Optuna itself would have written."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import optuna
import pytest
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from parefront.search.runs.studies.study_file import StudyFile
from parefront.spaces.files import UnreadableFile

DIRECTIONS = [StudyDirection.MAXIMIZE, StudyDirection.MINIMIZE]


@pytest.fixture
def trials() -> list[FrozenTrial]:
    """A complete trial with choices of every type, constraints and attributes, and a failed one."""
    study = optuna.create_study(directions=DIRECTIONS)
    for values in ([0.9, 0.1 + 0.2], None):
        trial = study.ask()
        trial.suggest_categorical("prune/a", [0.0, 0.125, 0.5])
        trial.suggest_categorical("bits/b", [32, 8])
        trial.suggest_categorical("drop/c", [False, True])
        trial.suggest_categorical("how/ü", ["mild", "strong"])
        trial.set_user_attr("digest", "f" * 64)
        trial.set_constraint("latency <= 0.5x", -0.25)
        study.tell(trial, values, state=TrialState.COMPLETE if values else TrialState.FAIL)
    return study.get_trials()


def read(path: Path) -> optuna.Study:
    return optuna.load_study(study_name="search", storage=f"sqlite:///{path}")


def without_id(trial: FrozenTrial) -> dict[str, object]:
    return {name: getattr(trial, name) for name in ("number", "state", "params", "distributions", "user_attrs")} | {
        "values": trial.values,
        "constraints": trial.constraints,
        "system_attrs": trial.system_attrs,
        "times": (trial.datetime_start, trial.datetime_complete),
    }


@pytest.mark.parametrize("by_url", [False, True])
def test_optuna_reads_what_was_appended(tmp_path: Path, trials: list[FrozenTrial], by_url: bool) -> None:
    path = tmp_path / "study.db"
    file = StudyFile(f"sqlite:///{path}" if by_url else path, "search", DIRECTIONS, ["accuracy", "latency"])
    for trial in trials:
        file.append(trial, {"parents": [trial.number]})
    file.close()
    study = read(path)
    assert [without_id(t) for t in study.get_trials()] == [without_id(t) for t in trials]
    assert study.directions == DIRECTIONS
    assert study.metric_names == ["accuracy", "latency"]


def test_a_study_can_be_gone_on_with_in_optuna(tmp_path: Path, trials: list[FrozenTrial]) -> None:
    path = tmp_path / "study.db"
    file = StudyFile(path, "search", DIRECTIONS, ["accuracy", "latency"])
    for trial in trials:
        file.append(trial, {})
    file.close()
    study = read(path)
    asked = study.ask({"bits/b": trials[0].distributions["bits/b"]})
    study.tell(asked, [0.5, 0.5])
    assert [t.number for t in study.get_trials()] == [0, 1, 2]


def test_reopened_it_has_its_trials_and_attributes(tmp_path: Path, trials: list[FrozenTrial]) -> None:
    path = tmp_path / "study.db"
    for trial in trials:
        file = StudyFile(path, "search", DIRECTIONS, ["accuracy", "latency"])
        assert len(file.trials()) == trial.number
        file.append(trial, {"parents": [trial.number]})
        file.close()
    file = StudyFile(path, "search", DIRECTIONS, ["accuracy", "latency"])
    assert [t.params for t in file.trials()] == [t.params for t in trials]
    assert file.attributes()["parents"] == [1]
    file.close()


def test_tables_of_another_revision_are_left_to_optuna(
    tmp_path: Path, trials: list[FrozenTrial], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "study.db"
    monkeypatch.setattr("parefront.search.runs.studies.study_file._SCHEMA", "v9.9.9")
    file = StudyFile(path, "search", DIRECTIONS, ["accuracy", "latency"])
    for trial in trials:
        file.append(trial, {})
    file.close()
    assert [without_id(t) for t in read(path).get_trials()] == [without_id(t) for t in trials]


def test_this_optuna_has_the_revision_that_is_known(tmp_path: Path) -> None:
    """Fails where an update of Optuna has changed its tables: trials are then written correctly, but slowly."""
    StudyFile(tmp_path / "study.db", "search", DIRECTIONS, ["a", "b"]).close()
    with sqlite3.connect(tmp_path / "study.db") as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [("v3.2.0.a",)]


def test_the_only_study_of_a_file_is_opened_whatever_its_name(tmp_path: Path, trials: list[FrozenTrial]) -> None:
    path = tmp_path / "study.db"
    for name, trial in zip(("demo", "demo-renamed"), trials, strict=True):
        file = StudyFile(path, name, DIRECTIONS, ["accuracy", "latency"])
        file.append(trial, {})
        file.close()
    assert len(optuna.load_study(study_name="demo", storage=f"sqlite:///{path}").get_trials()) == 2


@pytest.mark.parametrize("by_url", [False, True])
def test_what_is_known_at_the_end_is_told_of_finished_trials(
    tmp_path: Path, trials: list[FrozenTrial], by_url: bool
) -> None:
    path = tmp_path / "study.db"
    file = StudyFile(f"sqlite:///{path}" if by_url else path, "search", DIRECTIONS, ["accuracy", "latency"])
    for trial in trials:
        file.append(trial, {})
    for score in (0.8, 0.9):
        file.annotate({0: {"test_accuracy": score}})
    file.close()
    told = read(path)
    first, second = told.get_trials()
    if by_url:
        assert told.user_attrs["front"] == {"0": {"test_accuracy": 0.9}}
    else:
        assert first.user_attrs == {**trials[0].user_attrs, "test_accuracy": 0.9}
        assert second.user_attrs == trials[1].user_attrs


@pytest.mark.parametrize(
    "program",
    [
        "ALTER TABLE trials RENAME TO kept; CREATE VIEW trials AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i "
        "FROM n) SELECT kept.* FROM n, kept",
        "CREATE TRIGGER lose AFTER INSERT ON trials BEGIN DELETE FROM trials; END",
        "CREATE VIRTUAL TABLE searched USING fts5(content)",
    ],
)
def test_a_database_that_would_run_programs_is_not_read(
    program: str, tmp_path: Path, trials: list[FrozenTrial]
) -> None:
    path = tmp_path / "study.db"
    StudyFile(path, "search", DIRECTIONS, ["accuracy", "latency"]).close()
    with sqlite3.connect(path) as connection:
        connection.executescript(program)
    connection.close()
    with pytest.raises(UnreadableFile, match="expected tables alone"):
        StudyFile(path, "search", DIRECTIONS, ["accuracy", "latency"])
