"""Single changes to a base policy: which ones to measure, and how to rank them by what they save for what they lose."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..spaces import Choice, Knob, SearchSpace

Change = dict[str, Choice]
"""Choices by knob name, to be put over those of the base."""

_LEAST_LOSS = 5e-4
_LEAST_COST = 1e-3


@dataclass(frozen=True)
class Effect:
    """What a change does to its base, measured.

    Attributes:
        change: the choices.
        loss: of accuracy, as a fraction; negative where it gains.
        loss_noise: half the 95 % interval of it.
        saving: share of the base's cost that is saved, the mean over the cost objectives.
        saving_noise: half the 95 % interval of it.
    """

    change: Change
    loss: float
    loss_noise: float
    saving: float
    saving_noise: float

    @property
    def compressor(self) -> str:
        return next(iter(self.change)).split("/", 1)[0]


def single_changes(space: SearchSpace, base: Mapping[str, Choice], at_most: int, repairs: bool) -> list[Change]:
    """The changes worth a trial each, at most ``at_most``.

    Knobs that remove layers come first, one by one: they save most. Of every other knob the middle choice is taken;
    neighbours in execution order are changed together where there are too many.

    Args:
        space: the knobs.
        base: a choice for every knob.
        at_most: number of changes.
        repairs: whether to take back what the base has changed, too.
    """
    removing: list[tuple[Knob, Choice]] = []
    others: dict[str, list[tuple[Knob, Choice]]] = {}
    for knob in space:
        if base[knob.name] != knob.neutral:
            target = knob.neutral if repairs else base[knob.name]
        else:
            stronger = [choice for choice in knob.choices if choice != knob.neutral]
            target = stronger[(len(stronger) - 1) // 2] if stronger else knob.neutral
        if target != base[knob.name]:
            (removing if knob.name in space.removes else others.setdefault(knob.compressor, [])).append((knob, target))
    changes = _together(removing, at_most)
    left = at_most - len(changes)
    total = sum(map(len, others.values()))
    for moves in others.values():
        changes += _together(moves, min(len(moves), left * len(moves) // max(1, total)))
    return changes


def rank_savings(effects: Sequence[Effect]) -> list[Effect]:
    """Least accuracy lost for the cost saved first; changes that save nothing are left out."""
    return sorted((e for e in _believed(effects) if e.saving > 0), key=lambda e: max(e.loss, _LEAST_LOSS) / e.saving)


def rank_repairs(effects: Sequence[Effect]) -> list[Effect]:
    """Most accuracy won for the cost added first; only changes that win accuracy and save nothing."""
    repairs = (e for e in _believed(effects) if e.loss < 0 and e.saving <= 0)
    return sorted(repairs, key=lambda e: e.loss / max(-e.saving, _LEAST_COST))


def _believed(effects: Sequence[Effect]) -> list[Effect]:
    """Effects as they probably are: single measurements are noisy, so each is shrunk to its compressor's mean."""
    shrunk: list[Effect] = []
    for _, group in itertools.groupby(sorted(effects, key=lambda e: e.compressor), key=lambda e: e.compressor):
        members = list(group)
        losses = _shrink([e.loss for e in members], [e.loss_noise for e in members])
        savings = _shrink([e.saving for e in members], [e.saving_noise for e in members])
        shrunk += [replace(e, loss=x, saving=y) for e, x, y in zip(members, losses, savings, strict=True)]
    return shrunk


def _together(moves: Sequence[tuple[Knob, Choice]], at_most: int) -> list[Change]:
    """One change for each move, or for each run of neighbouring moves where there are more than ``at_most``."""
    parts = min(len(moves), at_most)
    edges = [len(moves) * part // max(1, parts) for part in range(parts + 1)]
    return [{knob.name: choice for knob, choice in moves[a:b]} for a, b in itertools.pairwise(edges)]


def _shrink(values: Sequence[float], noise: Sequence[float]) -> list[float]:
    """Empirical Bayes (James & Stein 1961): pull each value to the mean as far as noise explains the spread.

    Where the mean itself does not stand out of its noise it is taken as zero.
    """
    observed = np.asarray(values)
    variance = (np.asarray(noise) / 1.96) ** 2
    mean = float(observed.mean())
    if abs(mean) < 1.96 * np.sqrt(variance.mean() / len(observed)):
        mean = 0.0
    spread = max(0.0, float(np.mean((observed - mean) ** 2) - variance.mean()))
    weight = spread / (spread + variance) if spread > 0 else np.where(variance > 0, 0.0, 1.0)
    return [float(value) for value in mean + weight * (observed - mean)]
