"""Three members of a front to begin with: the safe one, the knee, the fastest; and what is as good within the noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..candidate import Candidate
from ..metric import Metric, on_any_device
from ..metrics import minimised
from .front import Front
from .ties import alike, as_good_as

CHEAPEST = {"latency": "fastest", "latency_ms": "fastest", "size": "smallest"}
"""What the cheapest member is called, by the metric of the cost; ``least energy`` for one that is not here."""


@dataclass(frozen=True)
class Pick:
    """A member worth a look.

    Attributes:
        names: what it is: ``safe``, ``knee``, ``fastest``; more than one where these are the same.
        candidate: the member.
        ties: other members that differ from it by less than the noise in what it was picked for.
    """

    names: tuple[str, ...]
    candidate: Candidate
    ties: tuple[Candidate, ...] = ()

    @property
    def ties_in_quality(self) -> bool:
        """Whether ties are as good, too; of the cheapest alone they cost the same, and may be much better or worse."""
        return bool({"safe", "knee", "best"}.intersection(self.names))

    def to_json(self) -> dict[str, Any]:
        """``{"names": ["safe", "knee"], "trial": 3, "ties": [10]}``, members by the numbers of their trials."""
        return {"names": list(self.names), "trial": self.candidate.trial, "ties": [tie.trial for tie in self.ties]}


def picks(front: Front) -> tuple[Pick, ...]:
    """The safe one, the knee and the cheapest, each once, in this order; none of an empty front.

    They are taken from the members within the run's budgets, or where none is from those above the floor of the quality
    (:attr:`Front.useful`). *Safe* is the cheapest whose quality is not worse than the uncompressed model's by more than
    the noise, neither on the search split nor, where the final step has scored it, on the test split; or where there is
    none the best. A *tie* differs by less than the noise in the cost, and for the safe
    one and the knee of the quality, too (:func:`alike`).
    """
    members = front.useful
    if not members:
        return ()
    cost = next((metric for metric in front.objectives if not metric.is_quality), None)
    found: list[tuple[str, Candidate, tuple[Candidate, ...]]] = []

    def add(name: str, picked: Candidate, metrics: Sequence[Metric]) -> None:
        ties = tuple(m for m in members if m is not picked and all(alike(m, picked, metric) for metric in metrics))
        found.append((name, picked, ties))

    both = [metric for metric in (front.quality, cost) if metric is not None]
    safe = [member for member in members if as_good_as(member, front)]
    if cost is None:
        add("best", members[0], both)
    else:
        in_turn = [cost, *front.objectives]
        add("safe", min(safe, key=lambda c: _in_turn(c, in_turn)) if safe else _best(members, front), both)
        add("knee", replace(front, candidates=members).knee(), both)
        name = CHEAPEST.get(on_any_device(cost.name), f"least {cost.name}")
        add(name, min(members, key=lambda c: _in_turn(c, in_turn)), [cost])
    return _merged(found)


def _merged(found: Sequence[tuple[str, Candidate, tuple[Candidate, ...]]]) -> tuple[Pick, ...]:
    """One pick a candidate, with the ties of all its names."""
    by_candidate: dict[int, Pick] = {}
    for name, candidate, ties in found:
        before = by_candidate.get(id(candidate), Pick((), candidate))
        more = tuple(tie for tie in ties if not any(tie is known for known in before.ties))
        by_candidate[id(candidate)] = replace(before, names=(*before.names, name), ties=(*before.ties, *more))
    return tuple(by_candidate.values())


def _in_turn(candidate: Candidate, metrics: Sequence[Metric]) -> tuple[float, ...]:
    return tuple(minimised(candidate, metric) for metric in metrics)


def _best(members: Sequence[Candidate], front: Front) -> Candidate:
    key = front.quality.key
    known = [member for member in members if key in member.metrics]
    return min(known, key=lambda c: front.quality.sign * c.metrics[key].value) if known else members[0]
