"""When something ran, by the clock on the wall, so that what ran beside what can be told across processes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time in which something ran.

    Attributes:
        step: what ran: a step of an evaluation (``apply``, ``accuracy``, …), or :data:`READING`.
        began: in seconds since 1970.
        ended: likewise.
        place: of a step the worker that computed it, empty where that is the search's own process; of a reading the
            device that was read.
    """

    step: str
    began: float
    ended: float
    place: str = ""


READING = "reading"
"""The step of a reading of a device: sessions created, runs timed; not what it waited for before."""
