"""What became of the training of each member of a front: not trained, not kept, or kept, and what it began with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ...evaluators.results.candidate import Candidate
from ...evaluators.results.views.units import plural
from .stores.recovered_store import RecoveredStore, Trained


@dataclass(frozen=True)
class Training:
    """The training of one member.

    Attributes:
        kept: whether the member has the weights that it was trained to; False where nothing better came of it.
        steps: of the optimiser: of the rounds that were kept, or of all where none was; 0 where it was not trained.
        began_with: the trial whose trained weights it began with; None where these were its own.
        steps_before: that those weights had been trained for, with what they began with in turn.
    """

    kept: bool
    steps: int
    began_with: int | None = None
    steps_before: int = 0

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def added_to(self, done: str) -> str:
        """What was done in words, of which training that was kept is the end, with what else there is to know of it."""
        if not self.steps:
            return f"{done}, not trained"
        words = (
            ""
            if self.kept
            else f", trained for {plural(self.steps, 'step')}, which was not kept as it made nothing better"
        )
        if self.began_with is None:
            return done + words
        before = f"trial {self.began_with} was trained to in {plural(self.steps_before, 'step')}"
        return f"{done}{words}, beginning with what {before}"


def training_of(candidate: Candidate, recorded: Iterable[Trained]) -> Training | None:
    """The training of a member; None where its user has trained it, or where the run trained nothing at all.

    Args:
        candidate: the member.
        recorded: all that the run knows of training (:meth:`RecoveredStore.all`).
    """
    known = {trained.key: trained for trained in recorded if not trained.given}
    how = candidate.recovered
    if not known or (how is not None and how.given):
        return None
    if how is not None:
        trained = known.get(RecoveredStore.key_of(candidate.policy, how.recipe))
        if trained is None:
            return Training(True, how.steps)
        return Training(True, how.steps, *_start(trained, known))
    tried = [trained for trained in known.values() if trained.trial == candidate.trial and trained.ended]
    if not tried:
        return Training(False, 0)
    steps = sum(one.steps for trained in tried for one in trained.ended)
    return Training(False, steps, *_start(tried[0], known))


def _start(trained: Trained, known: Mapping[str, Trained]) -> tuple[int | None, int]:
    """The trial whose weights the first round began with, and their steps; None and 0 where these were its own."""
    steps, trial, seen = 0, None, {trained.key}
    while trained.rounds and (start := trained.rounds[0].start) is not None:
        key, _, number = start.removesuffix(".safetensors").rpartition("-")
        source = known.get(key)
        if source is None or key in seen or not number.isdecimal():
            break
        seen.add(key)
        trial = source.trial if trial is None else trial
        steps += sum(one.steps for one in source.ended[: int(number) + 1] if one.taken)
        trained = source
    return trial, steps
