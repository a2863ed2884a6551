"""Who of the front is trained next, and for how long: a minute goes where the front's hypervolume grows most by it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ...evaluators.results.fronts.hypervolume import hypervolume

FIRST_SHARE = 0.5
"""Of the budget that is spent once every member that may gain anything was trained for one round."""
REGAINED = 0.75
"""Of what a member lacks, what its first round is expected to regain: about what members of ResNet-56's front did."""
BEHIND = 0.25
"""By so much of the span of what is expected the corner lies behind the worst of it."""
LATER = 0.25
"""Of what a round has gained, what the next one, twice as long, is expected to gain: a quarter, there too."""
NEARLY_ALL = 0.98
"""Of the growth of the hypervolume that first rounds of all would bring: what those that get one have to bring."""
OF_THE_REST = 0.4
"""Of what a member lacks after its first round, what a later one is expected to regain at most. Of ResNet-56's members
it was 0.38, 0.13 and nothing; the second took half an hour, as much had been gained by its first round."""
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
        return min(gain, (OF_THE_REST if self.gains else 1.0) * max(0.0, left))


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

    First come rounds of those that make the front that is expected (see :func:`_making_the_front`), from those that
    have lost least to those that have lost most, because each begins with what one like it was trained to (see
    :mod:`.starts`); then, in the same way, of those like them that still wait. After that the one is trained by which
    the front's hypervolume is expected to grow most for each second, the others staying as they are; where there is no
    time for all the first rounds, it is so from the beginning. Each round of a member is twice as long as the one
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
    begun, others = sum(bool(member.gains) for member in members), [i for i in ready if not members[i].gains]
    shortest = FIRST_SHARE * budget / (begun + len(others) or 1)
    price = {i: max(members[i].least, shortest) for i in others}
    waiting = _making_the_front(members, price, quality, corner)
    first = FIRST_SHARE * budget / (begun + len(waiting) or 1)

    def seconds(index: int) -> float:
        return max(members[index].least, first * 2.0 ** len(members[index].gains))

    in_order = sum(seconds(i) for i in waiting) <= left

    def rank(index: int) -> tuple[bool, float, float]:
        if in_order and index in waiting:
            return True, -members[index].loss, 0.0
        growth = _growth(members, index, quality, corner)
        return index in waiting, growth / seconds(index), members[index].expected / seconds(index)

    best = max(ready, key=rank)
    return Turn(members[best].trial, left if left - seconds(best) < members[best].least else seconds(best))


def _making_the_front(
    members: Sequence[Standing], price: Mapping[int, float], quality: int, corner: Sequence[float]
) -> list[int]:
    """Of the members that wait for their first round, some that bring nearly all that is expected of all of them.

    On a front many members are alike, and one of them is worth as much as all. They are left out one by one, the one
    first that brings least for each second. What is too bad to be in the hypervolume before training may be in it
    afterwards: the corner is moved behind the worst that is expected.

    Args:
        members: all of them.
        price: seconds of the first round of those that wait.
        quality: as of :func:`next_turn`.
        corner: likewise.
    """
    if not price:
        return []
    waiting = list(price)
    now = [member.costs for member in members]
    then = {i: _gained(members[i], quality) for i in waiting}
    found = [costs[quality] for costs in then.values()]
    edge = max(found) + BEHIND * (max(found) - min(found))
    wide = [max(limit, edge) if axis == quality else limit for axis, limit in enumerate(corner)]

    def brought(those: Sequence[int]) -> float:
        return hypervolume([*now, *(then[i] for i in those)], wide)

    left, all_of_it, before = waiting, brought(waiting), hypervolume(now, wide)
    enough = before + NEARLY_ALL * (all_of_it - before)
    while len(left) > 1:
        without = {out: brought([i for i in left if i != out]) for out in left}
        least = max(left, key=lambda out: (without[out] - all_of_it) / price[out])
        if without[least] < enough:
            break
        left, all_of_it = [i for i in left if i != least], without[least]
    return left


def _gained(member: Standing, quality: int) -> tuple[float, ...]:
    """A member's costs if it gained what is expected of it."""
    return tuple(cost - member.expected * (axis == quality) for axis, cost in enumerate(member.costs))


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
    return hypervolume([*points, _gained(members[index], quality)], corner) - hypervolume(points, corner)
