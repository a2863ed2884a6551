"""Tables that are copied into a file are those that Optuna makes there itself; others are left to it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from optuna.storages import RDBStorage
from optuna.study import StudyDirection

from parefront.search.runs.studies.empty_tables import are_as_made
from parefront.search.runs.studies.study_file import StudyFile


def content(path: Path) -> tuple[list[tuple[str, ...]], list[tuple[str, ...]]]:
    """What a database is made of, and what it says of its revision."""
    with closing(sqlite3.connect(path)) as connection:
        made = connection.execute("SELECT type, name, sql FROM sqlite_master ORDER BY type, name").fetchall()
        return made, connection.execute("SELECT * FROM version_info, alembic_version").fetchall()


def test_an_empty_file_is_given_what_optuna_makes(tmp_path: Path) -> None:
    RDBStorage(f"sqlite:///{tmp_path / 'optunas.db'}").engine.dispose()
    with closing(sqlite3.connect(tmp_path / "ours.db")) as connection:
        assert are_as_made(connection)
    assert content(tmp_path / "ours.db") == content(tmp_path / "optunas.db")


def test_what_a_file_holds_stays(tmp_path: Path) -> None:
    RDBStorage(f"sqlite:///{tmp_path / 'study.db'}").create_new_study([StudyDirection.MINIMIZE], "kept")
    with closing(sqlite3.connect(tmp_path / "study.db")) as connection:
        assert are_as_made(connection)
        assert connection.execute("SELECT study_name FROM studies").fetchall() == [("kept",)]


def test_tables_of_another_optuna_are_refused_in_its_own_words(tmp_path: Path) -> None:
    StudyFile(tmp_path / "study.db", "search", [StudyDirection.MINIMIZE], ["latency"]).close()
    with closing(sqlite3.connect(tmp_path / "study.db")) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = 'v0.9.0.a'")
    with pytest.raises(RuntimeError, match="no longer compatible with the table schema"):
        StudyFile(tmp_path / "study.db", "search", [StudyDirection.MINIMIZE], ["latency"])


def test_a_table_that_is_not_optunas_is_left_to_it(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "study.db")) as connection, connection:
        connection.execute("CREATE TABLE notes (text)")
    StudyFile(tmp_path / "study.db", "search", [StudyDirection.MINIMIZE], ["latency"]).close()
    with closing(sqlite3.connect(tmp_path / "study.db")) as connection:
        assert are_as_made(connection)
