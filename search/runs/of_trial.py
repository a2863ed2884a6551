"""The candidate that a trial of a run measured."""

from __future__ import annotations

from ...evaluators.results.candidate import Candidate
from ...spaces.errors import ConfigError
from .run import Run


def candidate_of_trial(run: Run, trial: int | None) -> Candidate:
    """The candidate of trial number ``trial``, as measured again at the end where it is on the front.

    Raises:
        ConfigError: where the run has none, naming those on its front.
    """
    front = run.front
    known: list[Candidate] = [*front, *(record.candidate for record in run.trials if record.candidate is not None)]
    for candidate in known:
        if candidate.trial == trial and trial is not None:
            return run.with_origin(candidate)
    numbers = ", ".join(str(candidate.trial) for candidate in front)
    what = "expected the number of a trial" if trial is None else f"run {run.name} has no candidate of trial {trial}"
    raise ConfigError(f"{what}; on its front: {numbers}")
