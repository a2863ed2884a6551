"""What a member's training begins with: its own repair, or what a member like it was trained to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ...compressors.recovery.steps import is_finished
from ...compressors.recovery.weights import Weights, read_weights
from ...evaluators.results.candidate import Candidate
from ...evaluators.trial.training.trainer import Trainer
from ...spaces.policy import Policy

TRIED = 3
"""Of the members that were trained before, as many as are looked at: those that are most like the one."""
HEAD_START = 1.7
"""What was trained ends nearer to the teacher even where it begins so many times as far from it. Of a member of
ResNet-56's front, in 54 steps: 0.141 → 0.086 from its own repair, 0.231 → 0.073 from a member with one block more."""


@dataclass(frozen=True)
class Start:
    """Where a first round begins.

    Attributes:
        weights: None for the member's own repair.
        divergence: from the teacher, see :meth:`Trainer.divergence`.
        file: where the weights are that most of these are; None for the repair.
    """

    weights: Weights | None
    divergence: float
    file: Path | None = None


def nearest_start(
    member: Candidate, others: Sequence[tuple[Candidate, Path]], trainer: Trainer, weights: Weights | None = None
) -> Start:
    """The start whose outputs differ least from the teacher's; its own repair counts :data:`HEAD_START` times as far.

    On a front many members differ in a block or a few channels, and what one of them was trained to is worth more to
    the next than the repair of an untrained network (once-for-all networks share weights for the same reason, Cai et
    al. 2020, "Once-for-All"; here each member ends with weights of its own).

    Args:
        member: to be trained.
        others: members that were trained, with the files of their weights.
        trainer: of both.
        weights: what the member was trained to before; nothing else is looked at then.
    """
    own = Start(weights, trainer.divergence(member.policy, weights))
    if weights is not None or not others:
        return own
    near = sorted(others, key=lambda other: _distance(member.policy, other[0].policy))[:TRIED]
    best = min((_from(member, file, trainer) for _, file in near), key=lambda start: start.divergence)
    return best if best.divergence < HEAD_START * own.divergence else own


def start_from(member: Candidate, file: Path, trainer: Trainer) -> Weights | None:
    """The weights of a start that was chosen before; None where its file is gone."""
    return trainer.taken_over(member.policy, read_weights(file)) if file.is_file() else None


def _from(member: Candidate, file: Path, trainer: Trainer) -> Start:
    weights = read_weights(file)
    if is_finished(weights):  # of few bits, with steps that are of other layers here
        return Start(None, float("inf"))
    held = trainer.taken_over(member.policy, weights)
    return Start(held, trainer.divergence(member.policy, held), file)


def _distance(one: Policy, other: Policy) -> int:
    """How many choices differ."""
    return len(set(one.items()) ^ set(other.items()))
