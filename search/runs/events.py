"""What a search tells whoever watches it, e.g. the live table of the command line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ...evaluators.results.candidate import Candidate
from ...evaluators.results.fronts.front import Front
from ...evaluators.results.metric import Metric
from .record import TrialRecord


@dataclass(frozen=True)
class Warned:
    """What the user should know of the numbers to come, e.g. that two splits share samples; before all other events."""

    message: str


@dataclass(frozen=True)
class Started:
    """The uncompressed model is measured; trials follow.

    Attributes:
        run: folder of the run.
        done: trials that earlier sessions have finished.
        total: trials to reach.
        baseline: the uncompressed model.
        front: of the trials done so far.
        seconds_left: until the search's minutes are over; None where these are not limited.
    """

    run: Path
    done: int
    total: int
    baseline: Candidate
    front: Front
    seconds_left: float | None = None


@dataclass(frozen=True)
class Probing:
    """What every knob does alone is being measured, before the first trial.

    Attributes:
        done: probes that are there.
        total: probes to take; 0 until that is known, while the models that they start from are measured.
    """

    done: int
    total: int


@dataclass(frozen=True)
class Probed:
    """All probes are there.

    Attributes:
        unpaying: choices that never pay on the device, in words; the default sampler leaves them out.
    """

    unpaying: tuple[str, ...]


@dataclass(frozen=True)
class Finished:
    """A trial is recorded on disk.

    Attributes:
        record: the trial.
        done: trials finished, this one included.
        total: trials to reach.
        front: of all trials so far.
        best: most accurate member of the front within the budgets; ``None`` while there is none.
    """

    record: TrialRecord
    done: int
    total: int
    front: Front
    best: Candidate | None


@dataclass(frozen=True)
class Recovering:
    """A member of the front is being trained.

    Attributes:
        candidate: as the search has measured it.
        done: steps of this round.
        total: steps to do.
        loss: of the last step.
        seconds_left: of this round.
        budget_left: seconds of the whole recovery; None where steps are prescribed instead.
        score: of the task's metric on a few search samples, when it was last looked at; None before, and in between.
    """

    candidate: Candidate
    done: int
    total: int
    loss: float
    seconds_left: float
    budget_left: float | None
    score: float | None = None


@dataclass(frozen=True)
class Recovered:
    """A round of training has ended.

    Attributes:
        before: the member as it was.
        after: as it is measured now; None where that is not better beyond noise, and was dropped.
        gain: of the task's metric on the search split, above zero is better.
        quality: the task's metric.
    """

    before: Candidate
    after: Candidate | None
    gain: float
    quality: Metric


@dataclass(frozen=True)
class Finalising:
    """The uncompressed model, or a member of the front, is about to be measured again, as all are twice.

    Attributes:
        index: of the reading, from 1.
        total: number of readings.
        candidate: as the search has measured it.
    """

    index: int
    total: int
    candidate: Candidate


@dataclass(frozen=True)
class Done:
    """The front is written.

    Attributes:
        run: folder of the run.
        front: as measured again.
        message: which limit has ended the search; empty where the number of trials was the only one, and was reached.
    """

    run: Path
    front: Front
    message: str = ""


@dataclass(frozen=True)
class Noted:
    """Something that the user should know of, and that ends nothing.

    Attributes:
        message: one line.
    """

    message: str


Event = Warned | Noted | Started | Probing | Probed | Finished | Recovering | Recovered | Finalising | Done
OnEvent = Callable[[Event], None]
