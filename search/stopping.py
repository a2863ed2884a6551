"""When a search ends: after so many trials, so many minutes, or so many trials by which nothing was gained."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from ..evaluators.results.candidate import Candidate
from ..evaluators.results.errors import TrialsKeepFailing
from ..evaluators.results.fields import Fields
from ..evaluators.results.metrics import costs_of, useful_losses
from ..evaluators.results.views.units import plural
from ..spaces.files import write_json
from .causes import cause_of
from .recovery.owed import owed
from .runs.record import Outcome, TrialRecord
from .runs.run import Run
from .runs.settings import SearchSettings

GIVE_UP_AFTER = 5
"""Trials that fail one after the other of the same cause, before the search is given up."""
SPENT = "spent.json"
"""Seconds that a search which is limited in time has taken, its own overhead included."""
MINUTE = 60.0


class EndedBy(StrEnum):
    """The limit that ends a search."""

    TRIALS = "trials"
    MINUTES = "minutes"
    PATIENCE = "patience"
    SPACE = "space"


@dataclass(frozen=True)
class Ending:
    """Why a search ends.

    Attributes:
        by: the limit.
        text: the same in words.
    """

    by: EndedBy
    text: str


class Stopping:
    """Follows a search, and says when it is to end. Whichever limit is reached first ends it.

    *Minutes* are those of the search: measuring the uncompressed model, probes and trials, of all sessions together.
    What a kill has undone is not counted. Checking the task before and measuring the front again afterwards come on
    top. Nothing is cut short: the trial under way when they are over is finished.

    *Patience* counts trials, infeasible and failed ones too, since the hypervolume of the front last grew. It grows by
    a candidate that no earlier one equals or beats in all objectives, and that is better in each than the reference of
    :meth:`Front.hypervolume`: the uncompressed model's cost, and its quality less what a loss may be to be of use. This
    is exact for any number of objectives, and needs no hypervolume.

    Args:
        settings: the limits.
        baseline: the uncompressed model.
        records: the trials of earlier sessions, in their order.
        spent: seconds that these have taken.
        started: on the clock of ``time.perf_counter``, when this session began.
    """

    def __init__(
        self,
        settings: SearchSettings,
        baseline: Candidate,
        records: Iterable[TrialRecord],
        spent: float = 0.0,
        started: float | None = None,
    ) -> None:
        self._settings = settings
        self._spent, self._started = spent, started
        objectives = settings.objectives
        losses = useful_losses(baseline, objectives)
        self._corner = [cost + (loss or 0.0) for cost, loss in zip(costs_of(baseline, objectives), losses, strict=True)]
        self._best: list[tuple[float, ...]] = []
        self._done = self._gained = 0
        self._cause, self._failed_in_a_row = "", 0
        for record in records:
            self._count(record)

    @classmethod
    def of(cls, run: Run) -> Stopping:
        """Of a run that no session is searching in."""
        return cls(run.settings, run.search_baseline, run.trials, spent_in(run))

    def add(self, record: TrialRecord) -> None:
        """A trial is recorded.

        Raises:
            TrialsKeepFailing: where it is the fifth of this session that has failed in a row, of the same cause.
        """
        self._count(record)
        cause = cause_of(record.reason) if record.outcome is Outcome.FAILED else ""
        self._failed_in_a_row = self._failed_in_a_row + 1 if cause == self._cause else 1
        self._cause = cause
        if cause and self._failed_in_a_row >= GIVE_UP_AFTER:
            raise TrialsKeepFailing(
                f"{GIVE_UP_AFTER} trials in a row have failed of the same cause: {record.reason} (the traceback is in "
                f"trials/{record.number:06d}.json and log.txt of the run)"
            )

    @property
    def spent(self) -> float:
        """Seconds that the search has taken, earlier sessions included."""
        return self._spent + (time.perf_counter() - self._started if self._started is not None else 0.0)

    @property
    def seconds_left(self) -> float | None:
        """Until the minutes are over; None where these are not limited."""
        minutes = self._settings.minutes
        return None if minutes is None else max(0.0, minutes * MINUTE - self.spent)

    def reached(self) -> Ending | None:
        """The limit that is reached; of several the first in the order trials, minutes, patience."""
        settings = self._settings
        if self._done >= settings.trials:
            return Ending(
                EndedBy.TRIALS,
                f"all {settings.trials} trials are done" if settings.trials > 1 else "its only trial is done",
            )
        if settings.minutes is not None and self.seconds_left == 0:
            return Ending(EndedBy.MINUTES, f"{settings.minutes:g} minutes of searching are over")
        if settings.patience is not None and self._done - self._gained >= settings.patience:
            return Ending(EndedBy.PATIENCE, f"the front has not grown for {plural(settings.patience, 'trial')}")
        return None

    def message(self, ending: Ending) -> str:
        """What the user is told; nothing where the number of trials was the only limit, and was reached."""
        if ending.by is EndedBy.SPACE:
            return ending.text
        limited = self._settings.minutes is not None or self._settings.patience is not None
        return f"search.{ending.by} has ended the search: {ending.text}" if limited else ""

    def _count(self, record: TrialRecord) -> None:
        self._done += 1
        if record.candidate is None:
            return
        cost = costs_of(record.candidate, self._settings.objectives)
        useful = all(value < worst for value, worst in zip(cost, self._corner, strict=True))
        if useful and not any(_no_worse(other, cost) for other in self._best):
            self._best = [other for other in self._best if not _no_worse(cost, other)] + [cost]
            self._gained = self._done


def has_ended(run: Run) -> bool:
    """Whether a run is finished, none of its limits was raised since, and no recovery is owed."""
    return run.finished and run.has_baseline and Stopping.of(run).reached() is not None and not owed(run)


def spent_in(run: Run) -> float:
    """Seconds that the sessions of a run have searched, without the final step."""
    path = run.path / SPENT
    written = Fields.read(path).number("seconds") if os.path.lexists(path) else 0.0
    return max(written, run.search_seconds)


def write_spent(run: Run, seconds: float) -> None:
    """Note what a search has taken that is limited in time, for it to be ended the next time, too."""
    if run.settings.minutes is not None:
        write_json(run.path / SPENT, {"seconds": round(seconds, 3)})


def _no_worse(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return all(a <= b for a, b in zip(one, other, strict=True))
