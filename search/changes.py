"""Single changes to a base policy: which ones to measure, and how to rank them by what they save for what they lose."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..spaces import Choice, Knob, SearchSpace

Change = dict[str, Choice]
"""Choices by knob name, to be put over those of the base."""

Floats = NDArray[np.float64]

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
        divergence: by how much it moves the outputs further from the uncompressed model's; None where not measured.
    """

    change: Change
    loss: float
    loss_noise: float
    saving: float
    saving_noise: float
    divergence: float | None = None

    @property
    def compressor(self) -> str:
        return next(iter(self.change)).split("/", 1)[0]


def single_changes(
    space: SearchSpace,
    base: Mapping[str, Choice],
    at_most: int,
    repairs: bool,
    leave_out: Collection[str] = (),
) -> list[Change]:
    """The changes worth a trial each, at most ``at_most``.

    Knobs that remove layers come first, one by one: they save most. Of every other knob the middle choice is taken;
    neighbours in execution order are changed together where there are too many.

    Args:
        space: the knobs.
        base: a choice for every knob.
        at_most: number of changes.
        repairs: whether to take back what the base has changed, too.
        leave_out: compressors whose knobs are not to be tried.
    """
    removing: list[tuple[Knob, Choice]] = []
    others: dict[str, list[tuple[Knob, Choice]]] = {}
    for knob in space:
        if knob.compressor in leave_out:
            continue
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
    """Effects as they probably are: single measurements are noisy, so each is shrunk to what its like suggest.

    For the saving that is the mean over the changes of its compressor; for the loss it is what the divergence of the
    outputs, which is far less noisy, lets expect.
    """
    shrunk: list[Effect] = []
    for _, group in itertools.groupby(sorted(effects, key=lambda e: e.compressor), key=lambda e: e.compressor):
        members = list(group)
        losses = _shrink([e.loss for e in members], [e.loss_noise for e in members], [e.divergence for e in members])
        savings = _shrink([e.saving for e in members], [e.saving_noise for e in members])
        shrunk += [replace(e, loss=x, saving=y) for e, x, y in zip(members, losses, savings, strict=True)]
    return shrunk


def _together(moves: Sequence[tuple[Knob, Choice]], at_most: int) -> list[Change]:
    """One change for each move, or for each run of neighbouring moves where there are more than ``at_most``."""
    parts = min(len(moves), at_most)
    edges = [len(moves) * part // max(1, parts) for part in range(parts + 1)]
    return [{knob.name: choice for knob, choice in moves[a:b]} for a, b in itertools.pairwise(edges)]


def _shrink(values: Sequence[float], noise: Sequence[float], signal: Sequence[float | None] = (None,)) -> list[float]:
    """Empirical Bayes: pull each value to what is expected of it, as far as noise explains the spread about that.

    Expected is the mean (James & Stein 1961), taken as zero where it does not stand out of its noise; or, with a
    ``signal``, what is proportional to it (Efron & Morris 1973: shrinking to a regression).
    """
    observed = np.asarray(values)
    variance = (np.asarray(noise) / 1.96) ** 2
    expected = _expected(observed, variance, signal)
    spread = max(0.0, float(np.mean((observed - expected) ** 2) - variance.mean()))
    weight = spread / (spread + variance) if spread > 0 else np.where(variance > 0, 0.0, 1.0)
    return [float(value) for value in expected + weight * (observed - expected)]


def _expected(observed: Floats, variance: Floats, signal: Sequence[float | None]) -> Floats:
    if None not in signal and any(signal):
        given = np.asarray(signal, dtype=np.float64)
        return max(0.0, float(observed @ given / (given @ given))) * given
    mean = float(observed.mean())
    if abs(mean) < 1.96 * np.sqrt(variance.mean() / len(observed)):
        mean = 0.0
    return np.full_like(observed, mean)
