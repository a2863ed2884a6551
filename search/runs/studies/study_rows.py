"""The rows of a study itself in Optuna's tables, found or made in a tenth of the time that Optuna's storage takes."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from optuna.study import StudyDirection

METRIC_NAMES = "study:metric_names"
"""Attribute under which ``Study.set_metric_names`` keeps what the values of trials are called."""


def study_in(
    connection: sqlite3.Connection, name: str, directions: Sequence[StudyDirection], metrics: list[str]
) -> int:
    """The identity of the only study, or of that of this name, which is made where there is none.

    Raises:
        sqlite3.Error: where a table cannot be read or written.
        ValueError: where the study has other objectives.
    """
    with connection:
        known = connection.execute("SELECT study_name, study_id FROM studies").fetchall()
        study_id: Any = known[0][1] if len(known) == 1 else dict(known).get(name)
        if study_id is None:
            study_id = connection.execute("INSERT INTO studies (study_name) VALUES (?)", (name,)).lastrowid
            connection.executemany(
                "INSERT INTO study_directions (direction, study_id, objective) VALUES (?, ?, ?)",
                [(direction.name, study_id, objective) for objective, direction in enumerate(directions)],
            )
        counted = connection.execute("SELECT count(*) FROM study_directions WHERE study_id = ?", (study_id,)).fetchone()
        if counted != (len(metrics),):
            raise ValueError(f"expected a study of {len(metrics)} objectives, got {counted[0]}")
        if attributes_of(connection, study_id).get(METRIC_NAMES) != metrics:
            set_attributes(connection, study_id, {METRIC_NAMES: metrics})
    return int(study_id)


def set_attributes(connection: sqlite3.Connection, study_id: int, attributes: Mapping[str, Any]) -> None:
    """Write what samplers note on the study, in the transaction that is open."""
    connection.executemany(
        "INSERT INTO study_system_attributes (study_id, key, value_json) VALUES (?, ?, ?) "
        "ON CONFLICT (study_id, key) DO UPDATE SET value_json = excluded.value_json",
        [(study_id, key, json.dumps(value)) for key, value in attributes.items()],
    )


def attributes_of(connection: sqlite3.Connection, study_id: int) -> dict[str, Any]:
    """What samplers have noted on the study."""
    rows = connection.execute("SELECT key, value_json FROM study_system_attributes WHERE study_id = ?", (study_id,))
    return {key: json.loads(text) for key, text in rows}
