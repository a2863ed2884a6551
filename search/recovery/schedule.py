"""Who of the front is trained next, and for how long: a minute goes where the front's hypervolume grows most by it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ...evaluators.results.hypervolume import hypervolume

FIRST_SHARE = 0.5
"""Of the budget that is spent once every member that may gain anything was trained for one round."""
REGAINED = 0.75
"""Of what a member lacks, what its first round is expected to regain: about what members of ResNet-56's front did."""
LATER = 0.25
"""Of what a round has gained, what the next one, twice as long, is expected to gain: a quarter, there too."""
REFUSED = 0.25
"""Of what was expected of a round that gained nothing, what is expected of the next one."""


@dataclass(frozen=True)
class Standing:
    """A member of the front as it stands.

    Attributes:
        trial: its number.
        costs: all objectives, minimised.
        loss: by how much its quality is worse than the uncompressed model's.
        noise: half the interval of a change of its quality: what gains no more than that is not taken.
        least: seconds that a round of it has to have to be worth its while.
        gains: of its rounds so far, in the same unit; above zero is better.
    """

    trial: int
    costs: tuple[float, ...]
    loss: float
    noise: float = 0.0
    least: float = 0.0
    gains: tuple[float, ...] = ()

    @property
    def expected(self) -> float:
        """What the next round is expected to gain."""
        gain, left = REGAINED * max(0.0, self.loss), self.loss
        for found in self.gains:
            left -= max(0.0, found)
            gain = LATER * found if found > 0 else REFUSED * gain
        return min(gain, max(0.0, left))


@dataclass(frozen=True)
class Turn:
    """What to do next.

    Attributes:
        trial: whom to train.
        seconds: for how long, with what it takes to measure what comes of it.
    """

    trial: int
    seconds: float


def next_turn(
    members: Sequence[Standing],
    quality: int,
    corner: Sequence[float],
    budget: float,
    spent: float,
) -> Turn | None:
    """The member to train next; None where the budget is spent, or nothing is to be gained.

    All that may gain more than noise come first for one round, from those that have lost least to those that have lost
    most, because each begins with what one like it was trained to (see :mod:`.starts`). Then the one is trained by
    which the front's hypervolume is expected to grow most for each second, the others staying as they are; where there
    is no time for all the first rounds, it is so from the beginning. Each round of a member is twice as long as the one
    before, and what is left goes to those that gain. With a larger budget they go on from where they are.

    Args:
        members: with their gains so far.
        quality: which of the objectives it is that training changes.
        corner: the reference of the hypervolume, shape ``(objectives,)``.
        budget: seconds in all.
        spent: of these.
    """
    left = budget - spent
    ready = [i for i, member in enumerate(members) if member.expected > member.noise and member.least <= left]
    if not ready:
        return None
    first = FIRST_SHARE * budget / max(1, sum(REGAINED * one.loss > one.noise for one in members))

    def seconds(index: int) -> float:
        return max(members[index].least, first * 2.0 ** len(members[index].gains))

    waiting = [i for i in ready if not members[i].gains]
    in_order = sum(seconds(i) for i in waiting) <= left

    def rank(index: int) -> tuple[bool, float, float]:
        if in_order and index in waiting:
            return True, -members[index].loss, 0.0
        growth = _growth(members, index, quality, corner)
        return index in waiting, growth / seconds(index), members[index].expected / seconds(index)

    best = max(ready, key=rank)
    return Turn(members[best].trial, left if left - seconds(best) < members[best].least else seconds(best))


def equal_turn(spent: Mapping[int, float], budget: float) -> Turn | None:
    """The next member where all are trained, for equal shares of the budget in one round each; None where they were.

    Once half of its share or more is left, as where the budget was raised, a member is trained for another round.

    Args:
        spent: seconds by trial.
        budget: seconds in all.
    """
    share = budget / max(1, len(spent))
    waiting = [trial for trial, seconds in spent.items() if share - seconds >= share / 2]
    return Turn(waiting[0], share - spent[waiting[0]]) if waiting else None


def _growth(members: Sequence[Standing], index: int, quality: int, corner: Sequence[float]) -> float:
    """The growth of the hypervolume if a member gained what is expected of it."""
    points = [member.costs for member in members]
    changed = list(points[index])
    changed[quality] -= members[index].expected
    return hypervolume([*points, changed], corner) - hypervolume(points, corner)
