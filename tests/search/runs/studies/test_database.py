"""A database by its URL: one clear line for what is wrong, never a password, another try where it is away."""

from __future__ import annotations

import itertools
import multiprocessing
import sys
from collections.abc import Callable
from pathlib import Path

import optuna
import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError, ProgrammingError

from parefront.search.runs.studies import database
from parefront.search.runs.studies.database import is_shared, persistently, storage_at
from parefront.spaces.errors import ConfigError

from ...servers import PostgresServer

URL = "postgresql://user:s3cret@nowhere/study"


def away(times: int, error: type[OperationalError] | type[ProgrammingError] = OperationalError) -> Callable[[], str]:
    """What fails so many times before it gives an answer."""
    left = itertools.repeat(True, times)

    def work() -> str:
        if next(left, False):
            raise error("INSERT", {}, Exception("no route to s3cret@nowhere"))
        return "done"

    return work


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the user was told; nobody waits."""
    monkeypatch.setattr(database, "PAUSE_SECONDS", 1e-4)
    monkeypatch.setattr(database, "LONGEST_PAUSE_SECONDS", 1e-3)
    return []


def test_a_database_that_is_away_for_a_while_costs_two_lines(said: list[str]) -> None:
    assert persistently(away(5), URL, said.append) == "done"
    assert len(said) == 2
    assert said[0] == "postgresql://user:***@nowhere/study does not answer (no route to ***@nowhere); trying again"
    assert said[1].startswith("postgresql://user:***@nowhere/study answers again after")


def test_two_transactions_in_each_others_way_are_nobodys_business(said: list[str]) -> None:
    assert persistently(away(1), URL, said.append) == "done"
    assert not said


def test_one_that_stays_away_ends_the_search_in_one_line(said: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "PATIENCE_SECONDS", 0.01)
    with pytest.raises(ConfigError, match=r"has not answered for 0 s \(no route.*the same command goes on") as raised:
        persistently(away(10**9), URL, said.append)
    assert "s3cret" not in str(raised.value)


def test_what_it_refuses_is_not_tried_again(said: list[str]) -> None:
    with pytest.raises(ConfigError, match="cannot be written: no route"):
        persistently(away(1, ProgrammingError), URL, said.append)


@pytest.mark.parametrize("url", ["nothing", "postgresql://user:s3cret@host:po/db", "postgresql//u:s3cret"])
def test_what_is_no_url_is_not_repeated(url: str) -> None:
    with pytest.raises(ConfigError, match="expected the URL of a database") as raised:
        storage_at(url)
    assert "cret" not in str(raised.value)
    assert raised.value.__suppress_context__


@pytest.mark.parametrize(
    ("url", "driver", "extra"),
    [("postgresql://u:s3cret@h/d", "psycopg", "postgresql"), ("mysql://u:s3cret@h/d", "pymysql", "mysql")],
)
def test_a_missing_driver_names_the_extra(url: str, driver: str, extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, driver, None)
    with pytest.raises(ConfigError, match=rf"needs {driver}.*pip install 'parefront\[{extra}\]'") as raised:
        storage_at(url)
    assert "s3cret" not in str(raised.value)


def test_a_driver_that_the_url_names_has_to_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg2", None)
    with pytest.raises(ConfigError, match="needs a driver that cannot be imported"):
        storage_at("postgresql+psycopg2://u:s3cret@h/d")
    with pytest.raises(ConfigError, match="cannot be opened: Can't load plugin"):
        storage_at("postgresql+nodriver://u:s3cret@h/d")


def test_servers_are_shared_and_files_are_not() -> None:
    assert is_shared("postgresql://host/study")
    assert is_shared("postgresql+psycopg2://host/study")
    assert is_shared("mysql+pymysql://host/study")
    assert not is_shared("sqlite:///study.db")


def test_a_server_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    pytest.importorskip("psycopg")
    with pytest.raises(ConfigError, match=r"^search.storage: postgresql\+psycopg://u:\*\*\*@/d.* cannot be opened: "):
        storage_at(f"postgresql://u:s3cret@/d?host={tmp_path}")


def test_a_wrong_password_is_one_line_without_it(postgres: PostgresServer) -> None:
    with pytest.raises(ConfigError, match=r"cannot be opened: .*password authentication failed") as raised:
        storage_at(postgres.url(password="s3crit"))
    assert "s3crit" not in str(raised.value)


def open_and_create(url: str, created: multiprocessing.SimpleQueue[str]) -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(storage=storage_at(url), study_name="one", load_if_exists=True)
    created.put(study.study_name)


def test_several_processes_may_make_the_tables_at_the_same_moment(postgres: PostgresServer) -> None:
    storage = storage_at(postgres.url())
    with storage.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("CREATE DATABASE fresh"))
    storage.engine.dispose()
    context = multiprocessing.get_context("fork")
    created = context.SimpleQueue()
    processes = [context.Process(target=open_and_create, args=(postgres.url("fresh"), created)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 4
    assert len(optuna.get_all_study_names(storage_at(postgres.url("fresh")))) == 1
