"""Who of the front is trained next, and for how long: a minute goes where the front's hypervolume grows most by it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

SHARES = (0.4, 0.3, 0.3)
"""Of the budget that each rung has."""
KEPT = (1.0, 0.5, 0.25)
"""The part of the members that each rung trains."""
LEAST_SECONDS = 1.0
"""Less than this is not worth a round."""


@dataclass(frozen=True)
class Standing:
    """A member of the front as it stands.

    Attributes:
        trial: its number.
        cost: the objective that stands against quality, lower is better, in units of the uncompressed model's.
        loss: what it lacked of the uncompressed model's quality before it was trained.
        gains: of its rounds so far, in the same unit; above zero is better.
    """

    trial: int
    cost: float
    loss: float
    gains: tuple[float, ...] = ()


@dataclass(frozen=True)
class Turn:
    """What to do next.

    Attributes:
        trial: whom to train.
        seconds: for how long.
        rung: from 0.
        left: turns that follow in this rung.
    """

    trial: int
    seconds: float
    rung: int
    left: int


def next_turn(members: Sequence[Standing], budget: float, spent: float) -> Turn | None:
    """The member to train next; None where the budget is spent.

    Successive halving (Karnin et al. 2013, "Almost Optimal Exploration in Multi-Armed Bandits", section 3): all are
    trained for a while, then the half of which most is expected, then a quarter. What is expected of a member is how
    much the hypervolume of the front would grow if it gained once more what it gained last (at most what it lacks),
    the others staying as they are. Deviation: a rung starts from what the one before has trained, not anew.

    Args:
        members: in any order; the same ones, with their gains so far, at every call.
        budget: seconds in all.
        spent: of these.
    """
    if not members:
        return None
    for rung in range(len(SHARES)):
        chosen = _chosen(members, rung)
        waiting = [member for member in chosen if len(member.gains) <= rung]
        if not waiting:
            continue
        seconds = (sum(SHARES[: rung + 1]) * budget - spent) / len(waiting)
        if seconds < LEAST_SECONDS:
            return None
        return Turn(waiting[0].trial, seconds, rung, len(waiting) - 1)
    return None


def _chosen(members: Sequence[Standing], rung: int) -> list[Standing]:
    """Those that a rung trains, the costliest first: it is the nearest to the uncompressed model."""
    chosen = list(range(len(members)))
    for earlier in range(1, rung + 1):
        chosen.sort(key=lambda index: (-_expected(members, index, earlier), members[index].cost))
        chosen = chosen[: math.ceil(KEPT[earlier] * len(members))]
    return sorted((members[index] for index in chosen), key=lambda member: -member.cost)


def _expected(members: Sequence[Standing], index: int, rung: int) -> float:
    """The growth of the hypervolume if a member gained once more what it gained in the round before ``rung``."""
    before = [(member.cost, _loss_after(member, rung)) for member in members]
    cost, loss = before[index]
    gained = members[index].gains[rung - 1] if len(members[index].gains) >= rung else 0.0
    after = [*before[:index], (cost, loss - min(max(0.0, gained), max(0.0, loss))), *before[index + 1 :]]
    corner = max(c for c, _ in before), max(lost for _, lost in before)
    return _area(after, corner) - _area(before, corner)


def _loss_after(member: Standing, rounds: int) -> float:
    """What a member lacked after so many rounds."""
    return member.loss - math.fsum(max(0.0, gain) for gain in member.gains[:rounds])


def _area(points: Sequence[tuple[float, float]], corner: tuple[float, float]) -> float:
    """The area between points (cost, loss), both minimised, and a corner that is no better than any."""
    area, lowest = 0.0, corner[1]
    for cost, loss in sorted(points):
        if loss < lowest:
            area += (corner[0] - cost) * (lowest - loss)
            lowest = loss
    return area
