"""What the final step has found out, written into the study on disk, for whoever looks at it there."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from ....evaluators.results.fronts.front import Front
from ....spaces.errors import ConfigError
from ....spaces.messages import one_line
from .study_file import StudyFile, is_full
from .told import directions_of, shown_attributes


def note_front(front: Front, folder: Path, url: str | None, name: str) -> str:
    """Write into the study on disk what the final step has read of the front's members: test scores, and the artefact.

    Returns:
        Why that was not possible, in a line; empty where it was.
    """
    names, where = [metric.name for metric in front.objectives], folder / "study.db" if url is None else url
    try:
        with closing(StudyFile(where, name, directions_of(front.objectives), names)) as file:
            shown = {c.trial: shown_attributes(c, front.objectives) for c in front if c.trial is not None}
            file.annotate({trial: {**attributes, "front": True} for trial, attributes in shown.items()})
    except (sqlite3.Error, SQLAlchemyError, OSError, ValueError, ConfigError) as error:
        if is_full(error):
            raise
        return f"the study was not told of the front: {one_line(error)}"
    return ""
