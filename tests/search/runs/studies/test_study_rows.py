"""A study's own rows are those that Optuna would have written."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import optuna
import pytest
from optuna.study import StudyDirection

from parefront.search.runs.studies.empty_tables import are_as_made
from parefront.search.runs.studies.study_rows import study_in

DIRECTIONS = [StudyDirection.MAXIMIZE, StudyDirection.MINIMIZE]
METRICS = ["accuracy", "latency"]
TABLES = ("studies", "study_directions", "study_system_attributes", "study_user_attributes")


def rows(connection: sqlite3.Connection) -> dict[str, list[tuple[object, ...]]]:
    return {table: connection.execute(f"SELECT * FROM {table}").fetchall() for table in TABLES}


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_they_are_optunas_and_found_again(tmp_path: Path) -> None:
    study = optuna.create_study(storage=f"sqlite:///{tmp_path}/theirs.db", study_name="run", directions=DIRECTIONS)
    study.set_metric_names(METRICS)
    with (
        closing(sqlite3.connect(tmp_path / "theirs.db")) as theirs,
        closing(sqlite3.connect(tmp_path / "ours.db")) as ours,
    ):
        assert are_as_made(ours)
        made = study_in(ours, "run", DIRECTIONS, METRICS)
        assert rows(ours) == rows(theirs)
        assert study_in(ours, "renamed", DIRECTIONS, METRICS) == made
        assert not ours.in_transaction
        assert rows(ours) == rows(theirs)


def test_a_study_of_other_objectives_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "study.db")) as connection:
        are_as_made(connection)
        study_in(connection, "run", DIRECTIONS, METRICS)
        before = rows(connection)
        with pytest.raises(ValueError, match="expected a study of 1 objectives, got 2"):
            study_in(connection, "run", DIRECTIONS[:1], METRICS[:1])
        assert rows(connection) == before
