"""The database of a run: killed in any statement, or on a disk that is full, the trials' own files make it whole."""

from __future__ import annotations

import operator
import os
import signal
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from parefront.evaluators.results.errors import HostFailed
from parefront.search.runs.studies import study_file

from .end_state import end_state
from .faulty_sessions import EVERY, SHARES, check_ends_as, check_readable, exit_code_of, runs_of_share, session

Connect = Callable[[Path], sqlite3.Connection]


class Counting:
    """Counts statements of SQLite, those that create its tables left out, and ends the process at one of them."""

    def __init__(self, at: int | None = None) -> None:
        self.statements, self._at = 0, at

    def __call__(self, statement: str) -> None:
        if statement.startswith(("CREATE ", "PRAGMA ", "SELECT ")):
            return
        if self.statements == self._at:
            os.kill(os.getpid(), signal.SIGKILL)
        self.statements += 1


def session_with(path: Path, prepare: Callable[[sqlite3.Connection], Any]) -> None:
    """A session whose connections to its database are prepared so."""
    connect: Connect = study_file._connect

    def prepared(where: Path) -> sqlite3.Connection:
        connection = connect(where)
        prepare(connection)
        return connection

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(study_file, "_connect", prepared)
        session(path)


def counted_session(path: Path, counting: Counting) -> None:
    session_with(path, lambda connection: connection.set_trace_callback(counting))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], int, int]:
    """The end of a search without a fault, the number of its statements, and of the pages of its database."""
    path, counting = tmp_path_factory.mktemp("whole") / "demo", Counting()
    counted_session(path, counting)
    with sqlite3.connect(path / "study.db") as database:
        (pages,) = database.execute("PRAGMA page_count").fetchone()
    return end_state(path), counting.statements, pages


@pytest.mark.parametrize("share", range(SHARES))
def test_killed_in_any_statement_it_ends_where_it_would_have_ended(
    share: int, tmp_path: Path, whole: tuple[dict[str, Any], int, int]
) -> None:
    end, statements, _ = whole
    for statement, path in runs_of_share(tmp_path, statements, share, every=1 if EVERY == 1 else 23):
        assert exit_code_of(counted_session, path, Counting(statement)) == -signal.SIGKILL
        check_readable(path)
        check_ends_as(end, path)


@pytest.mark.parametrize("share", range(SHARES))
def test_a_disk_that_is_full_for_the_database_alone_costs_no_trial_and_no_database(
    share: int, tmp_path: Path, whole: tuple[dict[str, Any], int, int]
) -> None:
    end, _, pages = whole
    for before, path in runs_of_share(tmp_path, pages - 1, share, every=EVERY):
        limit = f"PRAGMA max_page_count = {before + 1}"
        with pytest.raises(HostFailed, match="database or disk is full"):
            session_with(path, operator.methodcaller("execute", limit))
        check_readable(path)
        check_ends_as(end, path)


@pytest.mark.parametrize("at", range(3))
def test_killed_while_a_database_is_set_aside_none_is_mixed_with_another(
    at: int, tmp_path: Path, whole: tuple[dict[str, Any], int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "study.db"
    for end in ("", "-wal", "-shm"):
        path.with_name(path.name + end).write_text("old")
    assert exit_code_of(set_aside_and_die, path, at) == -signal.SIGKILL
    left = [end for end in ("", "-wal", "-shm") if path.with_name(path.name + end).exists()]
    assert "" in left, "a log without its database would be taken for that of the next one"


def set_aside_and_die(path: Path, at: int) -> None:
    """Killed before the rename of this number."""
    rename, done = Path.rename, list[Path]()

    def dying(source: Path, target: Path) -> Path:
        if len(done) == at:
            os.kill(os.getpid(), signal.SIGKILL)
        done.append(source)
        return rename(source, target)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "rename", dying)
        study_file.set_aside(path)
