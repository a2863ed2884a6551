"""The Optuna study on disk: a database that any tool of Optuna's world can read, written a whole trial at a time."""

from __future__ import annotations

import errno
import json
import os
import sqlite3
import warnings
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import distribution_to_json
from optuna.exceptions import ExperimentalWarning
from optuna.storages import RDBStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial
from sqlalchemy.pool import NullPool

from ....spaces.files import UnreadableFile, open_regular
from .database import storage_at
from .empty_tables import are_as_made, revision
from .moments import to_table
from .rows import read_trials
from .study_rows import attributes_of, set_attributes, study_in

LOCKED_SECONDS = 5.0
"""For how long another process may keep a database locked before it counts as one that cannot be used."""
_SCHEMA = "v3.2.0.a"
"""Revision of Optuna's tables that :func:`_insert` knows; with another one, all goes Optuna's own, slower way."""


class StudyFile:
    """Finished trials and the study's attributes, in a ``study.db`` or any database that Optuna can use.

    Trials are added whole, in one transaction. Optuna's own way to write takes a query or two for every parameter: on
    networks with a hundred knobs a tenth of a second for every trial. Its storage is left out altogether where a file
    has the tables that are known: it takes as long to be opened, since SQLAlchemy compiles each of its queries anew.
    """

    def __init__(self, where: Path | str, name: str, directions: Sequence[StudyDirection], metrics: list[str]) -> None:
        """Open, or create, the study ``name`` in a SQLite file (a path) or in the storage at a URL (a string).

        The only study of a file is opened whatever its name: the folder of the run may have been renamed since.
        """
        self._sqlite: sqlite3.Connection | None = None
        self._storage: RDBStorage | None = None
        with ExitStack() as on_error:
            on_error.callback(self.close)
            self._open(where, name, directions, metrics)
            on_error.pop_all()

    def _open(self, where: Path | str, name: str, directions: Sequence[StudyDirection], metrics: list[str]) -> None:
        if isinstance(where, Path):
            _make_sure_of_file(where)
            self._sqlite = _connect(where)
            _make_sure_of_tables(self._sqlite, where)
            known = are_as_made(self._sqlite)
            if known and revision(self._sqlite) == [_SCHEMA]:
                self._study_id = study_in(self._sqlite, name, directions, metrics)
                return
            self._sqlite.close()
            self._sqlite = None
            # A path may hold what a URL has other uses for (?, {, %), so SQLAlchemy is handed the connections.
            connections = {"creator": partial(_connect, where), "poolclass": NullPool}
            self._storage = RDBStorage(
                "sqlite://", connections, skip_compatibility_check=known, skip_table_creation=known
            )
            names = [study.study_name for study in self._storage.get_all_studies()]
            name = names[0] if len(names) == 1 else name
        else:
            self._storage = storage_at(where)
        self._study = optuna.create_study(
            storage=self._storage, study_name=name, directions=directions, load_if_exists=True
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            self._study.set_metric_names(metrics)
        self._study_id = self._storage.get_study_id_from_name(name)

    def trials(self) -> list[FrozenTrial]:
        """All trials, by number."""
        if self._sqlite is not None:
            return read_trials(self._sqlite, self._study_id)
        return self._study.get_trials(deepcopy=False)

    def attributes(self) -> dict[str, Any]:
        """What samplers have noted on the study."""
        if self._sqlite is not None:
            return attributes_of(self._sqlite, self._study_id)
        assert self._storage is not None
        return self._storage.get_study_system_attrs(self._study_id)

    def append(self, trial: FrozenTrial, attributes: Mapping[str, Any]) -> None:
        """Add a finished trial, and the attributes of the study that have changed since the last one."""
        if self._sqlite is not None:
            with self._sqlite:
                _insert(self._sqlite, self._study_id, trial, attributes)
            return
        assert self._storage is not None
        for key, value in attributes.items():
            self._storage.set_study_system_attr(self._study_id, key, value)
        self._study.add_trial(trial)

    def annotate(self, by_number: Mapping[int, Mapping[str, Any]]) -> None:
        """Add user attributes to finished trials, by their numbers.

        Optuna itself does not change what is finished, so that in a storage at a URL they become an attribute of the
        study, ``front``.
        """
        if self._sqlite is None:
            self._study.set_user_attr("front", {str(number): dict(attrs) for number, attrs in by_number.items()})
            return
        known = self._sqlite.execute("SELECT number, trial_id FROM trials WHERE study_id = ?", (self._study_id,))
        ids = dict(known.fetchall())
        with self._sqlite:
            self._sqlite.executemany(
                "INSERT INTO trial_user_attributes (trial_id, key, value_json) VALUES (?, ?, ?) "
                "ON CONFLICT (trial_id, key) DO UPDATE SET value_json = excluded.value_json",
                [
                    (ids[number], key, json.dumps(value))
                    for number, attributes in by_number.items()
                    if number in ids
                    for key, value in attributes.items()
                ],
            )

    def close(self) -> None:
        if self._sqlite is not None:
            self._sqlite.close()
        if self._storage is not None:
            self._storage.remove_session()
            self._storage.engine.dispose()


def is_full(error: Exception) -> bool:
    """Whether there is no room on the disk, so that nothing is wrong with the database, nor would another one fit."""
    full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    return full or "disk is full" in str(error)


def set_aside(path: Path) -> Path:
    """Rename a database and the files beside it that belong to it; the first name with a number that is free.

    Returns:
        Where it is: ``study.db.broken-1``.
    """
    number = 1
    while os.path.lexists(aside := path.with_name(f"{path.name}.broken-{number}")):
        number += 1
    for end in ("-wal", "-shm", "-journal", ""):  # last itself: a new one would be mixed with what is left of the old
        beside = path.with_name(path.name + end)
        if os.path.lexists(beside):
            beside.rename(aside.with_name(aside.name + end))
    return aside


def _make_sure_of_file(path: Path) -> None:
    """Raise ``UnreadableFile`` where SQLite would follow a symbolic link, or open something else than a file."""
    for end in ("", "-wal", "-shm", "-journal"):
        beside = path.with_name(path.name + end)
        if os.path.lexists(beside):
            os.close(open_regular(beside, os.O_RDONLY))


def _connect(path: Path) -> sqlite3.Connection:
    """With a write-ahead log: a power cut may take the last trials, which ``trials/`` has, but not damage the file."""
    connection = sqlite3.connect(path, timeout=LOCKED_SECONDS)
    connection.execute("PRAGMA trusted_schema=OFF")  # no function with an effect is called by what the file defines
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    return connection


def _make_sure_of_tables(connection: sqlite3.Connection, path: Path) -> None:
    """Raise ``UnreadableFile`` where a database holds more than tables and indices: views and triggers are programs,
    which run with any query, and may never end; virtual tables run code of extensions."""
    found = connection.execute(
        "SELECT type, name FROM sqlite_master WHERE type NOT IN ('table', 'index') OR sql LIKE 'CREATE VIRTUAL%'"
    ).fetchone()
    if found is not None:
        kind, name = found
        raise UnreadableFile(f"{path}: expected tables alone, got the {kind} {name!r:.60}, which Optuna does not make")


def _insert(connection: sqlite3.Connection, study_id: int, trial: FrozenTrial, attributes: Mapping[str, Any]) -> None:
    """The rows that ``RDBStorage.create_new_trial`` would write for ``trial``."""
    moments = (to_table(trial.datetime_start), to_table(trial.datetime_complete))
    times = [moment.isoformat(" ") if moment else None for moment in moments]
    trial_id = connection.execute(
        "INSERT INTO trials (number, study_id, state, datetime_start, datetime_complete) VALUES (?, ?, ?, ?, ?)",
        (trial.number, study_id, trial.state.name, *times),
    ).lastrowid
    connection.executemany(
        "INSERT INTO trial_params (trial_id, param_name, param_value, distribution_json) VALUES (?, ?, ?, ?)",
        [
            (trial_id, name, trial.distributions[name].to_internal_repr(value), _distribution(trial, name))
            for name, value in trial.params.items()
        ],
    )
    connection.executemany(
        "INSERT INTO trial_values (trial_id, objective, value, value_type) VALUES (?, ?, ?, 'FINITE')",
        [(trial_id, index, value) for index, value in enumerate(trial.values or ())],
    )
    for table, attrs in (("user", trial.user_attrs), ("system", trial.system_attrs)):
        connection.executemany(
            f"INSERT INTO trial_{table}_attributes (trial_id, key, value_json) VALUES (?, ?, ?)",
            [(trial_id, key, json.dumps(value)) for key, value in attrs.items()],
        )
    set_attributes(connection, study_id, attributes)


def _distribution(trial: FrozenTrial, name: str) -> str:
    return distribution_to_json(trial.distributions[name])
