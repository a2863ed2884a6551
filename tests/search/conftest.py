"""Searches over the synthetic network, and a database server that several of them may share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from parefront.evaluators.results.fronts.front import Front
from parefront.evaluators.trial.evaluator import Evaluator
from parefront.search.controller import search
from parefront.search.runs.run import Run

from .servers import PostgresServer, mariadb_server, postgres_server

SearchIn = Callable[..., tuple[Run, Front]]


@pytest.fixture
def search_in(tmp_path: Path) -> SearchIn:
    """``search_in(evaluator, name="run", sampler="random", trials=20)``: search, or go on, and return run and front."""

    def search_it(
        evaluator: Evaluator, name: str = "run", raise_errors: bool = True, on_event: Any = None, **settings: Any
    ) -> tuple[Run, Front]:
        config: dict[str, Any] = {"objectives": settings.pop("objectives", ["accuracy", "latency"])}
        config["budget"] = settings.pop("budget", [])
        config["search"] = {"sampler": "random", "trials": 20, "seed": 0, **settings}
        run = Run.resume_or_create(name, config, root=tmp_path)
        return run, search(run, evaluator, on_event, raise_errors)

    return search_it


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server; skipped, with the reason, where there is none to start or no driver."""
    pytest.importorskip("psycopg", reason="the driver of the extra postgresql is not installed")
    with ExitStack() as stack:
        try:
            server = stack.enter_context(postgres_server())
        except FileNotFoundError as error:
            pytest.skip(str(error))
        yield server


@pytest.fixture(scope="session")
def mariadb() -> Iterator[str]:
    """The URL of a database on a MariaDB server; skipped as :func:`postgres`."""
    pytest.importorskip("pymysql", reason="the driver of the extra mysql is not installed")
    with ExitStack() as stack:
        try:
            url = stack.enter_context(mariadb_server())
        except FileNotFoundError as error:
            pytest.skip(str(error))
        yield url
