"""What a study answers that no other controller searches in."""

from __future__ import annotations

from optuna.trial import Trial

from ....spaces.policy import Policy
from ..record import TrialRecord


class Alone:
    """The questions that :class:`.shared_study.SharedStudy` has other answers to.

    Attributes:
        full: whether there is nothing to ask for until other controllers have gone on.
    """

    full = False

    def accept(self, trial: Trial, policy: Policy, record: TrialRecord) -> bool:
        """Whether the outcome of a trial counts, asked before it is recorded in the run."""
        return True

    def give_back(self, trial: Trial) -> None:
        """A trial was asked for that the sampler has no policy for; with the process, it is forgotten."""

    def news(self) -> list[TrialRecord]:
        """What other controllers have recorded since the last call."""
        return []

    def wait(self) -> None:
        """Leave other controllers time to go on."""
