"""Trials from the rows of Optuna's tables, in a fiftieth of the time and memory that Optuna's objects of them take."""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from optuna.distributions import BaseDistribution, json_to_distribution
from optuna.trial import FrozenTrial, TrialState

from .finished_trial import FinishedTrial, SharedDistributions
from .moments import from_table

_WORDED = {"INF_POS": math.inf, "INF_NEG": -math.inf, "NAN": math.nan}
"""Types of numbers that have no value in their row."""

_Row = tuple[int, int, str, str | None, str | None]
"""Identity, number, state, start and end."""


def read_trials(connection: sqlite3.Connection, study_id: int) -> list[FrozenTrial]:
    """The trials of a study in their order, as ``RDBStorage.get_all_trials`` gives them.

    Raises:
        sqlite3.Error: where a table cannot be read.
        ValueError, KeyError, IndexError: where a row does not hold what Optuna writes.
    """
    query = "SELECT trial_id, number, state, datetime_start, datetime_complete FROM trials WHERE study_id = ?"
    rows = connection.execute(f"{query} ORDER BY trial_id", (study_id,)).fetchall()
    parts, keys = {row[0]: _Parts() for row in rows}, dict[str, str]()
    _read_params(connection, parts)
    for table in ("user", "system"):
        for trial_id, key, text in connection.execute(
            f"SELECT trial_id, key, value_json FROM trial_{table}_attributes ORDER BY trial_{table}_attribute_id"
        ):
            if trial_id in parts:
                getattr(parts[trial_id], table)[keys.setdefault(key, key)] = json.loads(text)
    _read_numbers(connection, parts)
    shared = SharedDistributions()
    return [_trial(row, parts.pop(row[0]), shared) for row in rows]


class _Parts:
    """What the other tables have of a trial."""

    __slots__ = ("distributions", "params", "steps", "system", "user", "values")

    def __init__(self) -> None:
        self.params: dict[str, Any] = {}
        self.distributions: dict[str, BaseDistribution] = {}
        self.user: dict[str, Any] = {}
        self.system: dict[str, Any] = {}
        self.values: dict[int, float] = {}
        self.steps: dict[int, float] = {}


def _read_params(connection: sqlite3.Connection, parts: dict[int, _Parts]) -> None:
    """Parameters, in the order in which they were suggested; each distribution is made of its JSON once."""
    known: dict[str, tuple[BaseDistribution, Callable[[float], Any]]] = {}
    names: dict[str, str] = {}
    for trial_id, name, value, text in connection.execute(
        "SELECT trial_id, param_name, param_value, distribution_json FROM trial_params ORDER BY param_id"
    ):
        if trial_id not in parts:
            continue
        if text not in known:
            distribution = json_to_distribution(text)
            known[text] = distribution, distribution.to_external_repr
        of, name = parts[trial_id], names.setdefault(name, name)
        of.distributions[name], external = known[text]
        of.params[name] = external(value)


def _read_numbers(connection: sqlite3.Connection, parts: dict[int, _Parts]) -> None:
    values = connection.execute("SELECT trial_id, objective, value, value_type FROM trial_values")
    for trial_id, of, value in _numbers(values):
        if trial_id in parts:
            parts[trial_id].values[of] = value
    steps = connection.execute(
        "SELECT trial_id, step, intermediate_value, intermediate_value_type FROM trial_intermediate_values"
    )
    for trial_id, of, value in _numbers(steps):
        if trial_id in parts:
            parts[trial_id].steps[of] = value


def _numbers(rows: sqlite3.Cursor) -> Iterator[tuple[int, int, float]]:
    """Trial, objective or step, number."""
    return ((trial_id, of, value if kind == "FINITE" else _WORDED[kind]) for trial_id, of, value, kind in rows)


def _trial(row: _Row, parts: _Parts, shared: SharedDistributions) -> FrozenTrial:
    trial_id, number, state, *times = row
    started, completed = (from_table(None if text is None else datetime.fromisoformat(text)) for text in times)
    return FinishedTrial(
        number,
        TrialState[state],
        None,
        started,
        completed,
        parts.params,
        shared.of(parts.distributions),
        parts.user,
        parts.system,
        parts.steps,
        trial_id,
        values=[parts.values[index] for index in range(len(parts.values))] if parts.values else None,
    )
