"""What is known of a running search, and who wants to be told: the state behind every view."""

from __future__ import annotations

import time
from collections.abc import Sequence
from types import TracebackType
from typing import Protocol, Self

from ..evaluators.results.candidate import Candidate
from ..evaluators.results.fronts.front import Front
from ..evaluators.results.metric import Metric
from ..evaluators.results.views.units import duration, plural
from ..search.runs.events import Done, Event, Finalising, Finished, Probing, Recovered, Recovering, Started, Warned
from ..search.runs.record import TrialRecord
from .tables import describe, scored


class View(Protocol):
    """Watches a search; entered before the first phase, left after the last event."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def phase(self, name: str) -> None:
        """A step of the preparation begins, ``"tracing the model"``, or has come further, ``"reading: 5 of 9"``."""
        ...

    def event(self, event: Event) -> None:
        """The search has something to tell."""
        ...


class Progress:
    """What is known of a running search: counts, the pace, the last and the best candidate."""

    def __init__(self) -> None:
        self.started = time.monotonic()
        self.searching_since: float | None = None
        self.seconds_left: float | None = None
        self.done = self.done_before = self.total = 0
        self.last: TrialRecord | None = None
        self.best: Candidate | None = None
        self.front: Front | None = None
        self.probing: Probing | None = None
        self.recovering: Recovering | None = None
        self.finalising: Finalising | None = None
        self.finalising_since: tuple[float, int] | None = None
        self.message = ""
        self.warnings: list[str] = []

    def update(self, event: Event) -> None:
        match event:
            case Warned():
                self.warnings.append(event.message)
            case Started():
                self.searching_since = time.monotonic()
                self.done = self.done_before = event.done
                self.total, self.front, self.seconds_left = event.total, event.front, event.seconds_left
            case Probing():
                self.searching_since = time.monotonic()
                self.probing = event if event.done < event.total or not event.total else None
            case Finished():
                self.done, self.total = event.done, event.total
                self.last, self.front, self.best = event.record, event.front, event.best
            case Recovering():
                self.recovering = event
            case Finalising():
                self.finalising = event
                self.finalising_since = self.finalising_since or (time.monotonic(), event.index)
            case Done():
                self.front, self.message = event.front, event.message

    @property
    def elapsed(self) -> float:
        return time.monotonic() - self.started

    @property
    def left(self) -> float | None:
        """Seconds until the last trial at the pace of this session, or until its time is over; ``None`` at first."""
        fresh = self.done - self.done_before
        if self.searching_since is None or fresh == 0:
            return None
        passed = time.monotonic() - self.searching_since
        left = passed / fresh * (self.total - self.done)
        return left if self.seconds_left is None else min(left, max(0.0, self.seconds_left - passed))

    @property
    def readings_left(self) -> float | None:
        """Seconds until the front is measured again, by the readings of this session; ``None`` before the first."""
        if self.finalising is None or self.finalising_since is None:
            return None
        since, first = self.finalising_since
        read = self.finalising.index - first
        return (time.monotonic() - since) / read * (self.finalising.total + 1 - self.finalising.index) if read else None

    def timing(self) -> str:
        left, training = self.left if self.finalising is None else self.readings_left, self.recovering
        text = f"{duration(self.elapsed)} elapsed"
        if training is not None and self.finalising is None:
            seen = ""
            if training.score is not None and self.front is not None:
                seen = f", about {scored(training.score, self.front.quality)}"
            return f"loss {training.loss:.3g}{seen}; {text}, {_training_left(training)}"
        return text if left is None else f"{text}, {duration(left)} left"


def _training_left(training: Recovering) -> str:
    """Of the training alone: when that is over, the front is measured again."""
    if training.budget_left is None:
        return f"{duration(training.seconds_left)} of this round left"
    return f"{duration(training.budget_left)} of training left"


def outcome(record: TrialRecord, quality: Metric) -> str:
    """A trial in one line: what was measured, or why there is nothing to measure."""
    if record.candidate is None:
        return f"trial {record.number}: {record.outcome.value}: {record.reason}"
    return f"trial {record.number}: {describe(record.candidate, quality)}"


def recovered(event: Recovered) -> str:
    """A round of training in one line: what was gained, or that it was dropped."""
    before, after = event.before, event.after
    if after is None:
        return f"{before.label}: training made it no better beyond noise, so it stays as it was"
    assert after.recovered is not None
    how, told = after.recovered, [describe(candidate, event.quality) for candidate in (before, after)]
    trained = "by its user" if how.given else f"for {plural(how.steps, 'step')} in {duration(how.seconds)}"
    return f"{before.label}: {told[0]} → {told[1]}, trained {trained}"


def never_pays(choices: Sequence[str]) -> str:
    """What the probes say of choices that no objective wants."""
    return f"never pays on this device: {'; '.join(choices)}"
