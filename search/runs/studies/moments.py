"""Moments: in UTC in Optuna's tables, in the machine's zone in its trials; neither names it."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> datetime:
    """This moment, as the tables have it."""
    return datetime.now(UTC).replace(tzinfo=None)


def from_table(moment: datetime | None) -> datetime | None:
    """As a trial has it."""
    return None if moment is None else moment.replace(tzinfo=UTC).astimezone().replace(tzinfo=None)


def to_table(moment: datetime | None) -> datetime | None:
    """As the tables have it."""
    return None if moment is None else moment.astimezone(UTC).replace(tzinfo=None)
