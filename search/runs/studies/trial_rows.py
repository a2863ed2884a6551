"""Trials as rows of Optuna's tables, in whatever database: what is new is read, what happens to a trial is written."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache
from typing import Any

from optuna.distributions import BaseDistribution, distribution_to_json, json_to_distribution
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import Connection, Row, Table, delete, insert, or_, select, update

from .moments import from_table, now

TABLES = (
    "studies",
    "study_user_attributes",
    "trials",
    "trial_params",
    "trial_values",
    "trial_user_attributes",
    "trial_system_attributes",
)
"""Those of Optuna's tables that are read or written here."""
_AT_ONCE = 1000
"""Trials whose rows are asked for in one query: databases bound the number of its parameters."""


class TrialRows:
    """The rows of one study's trials, read and written in the transactions of whoever calls.

    Args:
        tables: of Optuna, by name, as the database has them.
        study: its key there.
    """

    def __init__(self, tables: Mapping[str, Table], study: int) -> None:
        self._tables, self._study = tables, study

    def read(self, connection: Connection, after: int, unfinished: Mapping[int, bool]) -> list[tuple[int, FrozenTrial]]:
        """Trials with their keys in the database, by number.

        Args:
            connection: in a transaction.
            after: trials with greater keys are new.
            unfinished: the keys of the others to look at, with whether all is known of them while they are not
                finished; they are left out then.
        """
        trials = self._tables["trials"]
        columns = [trials.c[name] for name in ("trial_id", "number", "state", "datetime_start", "datetime_complete")]
        found: dict[int, Row[Any]] = {}
        for part in _parts([*unfinished]) or [[]]:
            which = or_(trials.c.trial_id > after, trials.c.trial_id.in_(part)) if part else trials.c.trial_id > after
            chosen = select(*columns).where(trials.c.study_id == self._study, which)
            found |= {row.trial_id: row for row in connection.execute(chosen)}
        rows = {key: row for key, row in found.items() if row.state not in _UNFINISHED or not unfinished.get(key)}
        values, params = defaultdict[int, list[float]](list), defaultdict[int, list[Row[Any]]](list)
        attributes: dict[str, dict[int, dict[str, Any]]] = {"user": defaultdict(dict), "system": defaultdict(dict)}
        for part in _parts(sorted(rows)):
            for row in _of(connection, self._tables["trial_values"], part, "objective"):
                values[row.trial_id].append(row.value)
            for row in _of(connection, self._tables["trial_params"], part, "param_id"):
                params[row.trial_id].append(row)
            for kind, by_trial in attributes.items():
                for row in _of(connection, self._tables[f"trial_{kind}_attributes"], part, "key"):
                    by_trial[row.trial_id][row.key] = json.loads(row.value_json)
        made = {
            key: _trial(row, params[key], values[key], attributes["user"][key], attributes["system"][key])
            for key, row in rows.items()
        }
        return sorted(made.items(), key=lambda item: item[1].number)

    def create(self, connection: Connection, number: int) -> int:
        """A running trial; its key."""
        values = {"study_id": self._study, "number": number, "state": "RUNNING", "datetime_start": now()}
        made = connection.execute(insert(self._tables["trials"]).values(values)).inserted_primary_key
        assert made is not None, "the table has a key that the database numbers"
        return int(made[0])

    def write_params(self, connection: Connection, key: int, trial: FrozenTrial) -> None:
        """The choices of a trial that has none yet."""
        params = [
            {
                "trial_id": key,
                "param_name": name,
                "param_value": trial.distributions[name].to_internal_repr(value),
                "distribution_json": distribution_to_json(trial.distributions[name]),
            }
            for name, value in trial.params.items()
        ]
        if params:
            connection.execute(insert(self._tables["trial_params"]), params)

    def write_attributes(
        self, connection: Connection, kind: str, key: int, attributes: Mapping[str, Any], fresh: bool = False
    ) -> None:
        """Attributes of the ``kind`` ``"user"`` or ``"system"``, in the place of others of the same names.

        Args:
            connection: in a transaction.
            kind: of the attributes.
            key: of the trial.
            attributes: by name.
            fresh: whether there are none of these names yet.
        """
        if not attributes:
            return
        table = self._tables[f"trial_{kind}_attributes"]
        if not fresh:
            connection.execute(delete(table).where(table.c.trial_id == key, table.c.key.in_([*attributes])))
        rows = [{"trial_id": key, "key": name, "value_json": json.dumps(value)} for name, value in attributes.items()]
        connection.execute(insert(table), rows)

    def finish(self, connection: Connection, key: int, values: Collection[float] | None) -> None:
        """Complete with the values of the objectives, in their order, or, without, failed."""
        if values is not None:
            rows = [
                {"trial_id": key, "objective": index, "value": value, "value_type": "FINITE"}
                for index, value in enumerate(values)
            ]
            connection.execute(insert(self._tables["trial_values"]), rows)
        trials, state = self._tables["trials"], "FAIL" if values is None else "COMPLETE"
        connection.execute(update(trials).where(trials.c.trial_id == key).values(state=state, datetime_complete=now()))

    def attributes_of(self, connection: Connection, key: int) -> set[str]:
        """The names of a trial's user attributes."""
        table = self._tables["trial_user_attributes"]
        return set(connection.execute(select(table.c.key).where(table.c.trial_id == key)).scalars())


_UNFINISHED = ("RUNNING", "WAITING")


def _of(connection: Connection, table: Table, keys: Collection[int], order: str) -> Iterator[Row[Any]]:
    chosen = select(table).where(table.c.trial_id.in_(keys)).order_by(table.c.trial_id, table.c[order])
    yield from connection.execute(chosen)


def _parts(keys: list[int]) -> list[list[int]]:
    return [keys[start : start + _AT_ONCE] for start in range(0, len(keys), _AT_ONCE)]


def _trial(
    row: Row[Any],
    params: list[Row[Any]],
    values: list[float],
    user_attrs: dict[str, Any],
    system_attrs: dict[str, Any],
) -> FrozenTrial:
    distributions = {param.param_name: _distribution(param.distribution_json) for param in params}
    external = {p.param_name: distributions[p.param_name].to_external_repr(p.param_value) for p in params}
    return FrozenTrial(
        number=row.number,
        trial_id=row.trial_id,
        state=TrialState[row.state],
        value=None,
        values=values or None,
        datetime_start=from_table(row.datetime_start),
        datetime_complete=from_table(row.datetime_complete),
        params=external,
        distributions=distributions,
        user_attrs=user_attrs,
        system_attrs=system_attrs,
        intermediate_values={},
    )


@lru_cache(maxsize=4096)
def _distribution(text: str) -> BaseDistribution:
    return json_to_distribution(text)
