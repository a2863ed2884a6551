"""Racing: a candidate is measured only until it is clear that one of the front dominates it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

from ..results.candidate import Stopped
from ..results.measurement import Measurement
from ..runtimes.session import Session
from .dominance import Known, Standing
from .scores.split import Split
from .stopwatch import Stopwatch


class Looks(Protocol):
    """Looks at a candidate's latency; each gives the metrics as known by then, or None where there is no finer one."""

    def closer(self) -> Known | None:
        """The next look, the first of which is short."""
        ...

    def full(self) -> Known | None:
        """The next look that is not short."""
        ...

    def prefer(self, rank: int) -> None:
        """How many members of the front dominate the candidate, before a look: as ``DeviceLink.prefer``."""
        ...


@dataclass(frozen=True)
class Raced:
    """How far a candidate has come.

    Attributes:
        metrics: all that is known of it.
        why: why it was stopped, for ``Candidate.notes``; empty where it was measured in full.
        stopped: the same for ``Candidate.stopped``.
    """

    metrics: Known
    why: str = ""
    stopped: Stopped | None = None


def race(split: Split, session: Session, counted: Known, looks: Looks, standing: Standing, watch: Stopwatch) -> Raced:
    """Measure a candidate on growing blocks of images, with ever finer looks at its latency; stop once it is dominated.

    Latency is looked at only where that may decide: a candidate that is accurate enough for the front whatever its
    latency is timed once, in full. What is told of a stopped candidate is dominated in its values too, so that
    neither the front nor a sampler takes it for a good one.

    Args:
        split: the search split; its metric scores single samples, and the uncompressed model is scored.
        session: of the artefact.
        counted: what is known before.
        looks: at latency.
        standing: against the front.
        watch: where the seconds of ``accuracy`` and ``latency`` go.
    """
    known = dict(counted)
    working = partial(watch.work, "accuracy")
    for seen in split.growing(session, working):
        known |= split.by_quality(seen)
        rival = standing.dominated_by(known)
        while rival is None and standing.is_close(known) and _look(known, watch, looks, looks.closer, standing):
            rival = standing.dominated_by(known)
        if rival is not None:
            break
    if rival is None:
        _in_full(known, watch, looks, replace(standing, scored=True))
    with working():
        known |= split.all_of(seen)
    why = f"after {seen.count} of {len(split)} images, dominated by {rival.label}" if rival is not None else ""
    stopped = Stopped(rival.trial, seen.count) if rival is not None and rival.trial is not None else None
    return Raced(known, why, stopped)


def time_only(scored: Known, looks: Looks, standing: Standing | None, watch: Stopwatch) -> Raced:
    """As :func:`race`, of a candidate whose accuracy is known; without a standing its latency is measured in full."""
    known, rival = dict(scored), None
    if standing is not None and _look(known, watch, looks, looks.closer, standing):
        rival = standing.dominated_by(known)
    if rival is None:
        _in_full(known, watch, looks, standing)
    if rival is None:
        return Raced(known)
    return Raced(known, f"dominated by {rival.label}", None if rival.trial is None else Stopped(rival.trial))


def _in_full(known: dict[str, Measurement], watch: Stopwatch, looks: Looks, standing: Standing | None) -> None:
    """Measure latency in full, and what is noisy again, unless it is dominated as it is."""
    while _look(known, watch, looks, looks.full, standing):
        if standing is not None and standing.dominated_by(known) is not None:
            return


def _look(
    known: dict[str, Measurement],
    watch: Stopwatch,
    looks: Looks,
    closer: Callable[[], Known | None],
    standing: Standing | None,
) -> bool:
    """Take a look into ``known``, in the order of promise where several wait for one; whether there was one left."""
    looks.prefer(0 if standing is None else standing.dominating(known))
    with watch.step("latency"):
        seen = closer()
    known.update(seen or {})
    return seen is not None
