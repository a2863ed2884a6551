"""Choices that never pay: whatever knob takes one, a milder one saves as much of every cost, and loses no more."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...spaces.knob import Choice
from ...spaces.runtime_knob import in_order
from .sensitivity import Floats, Indices, Sensitivity


@dataclass(frozen=True)
class Unpaying:
    """A choice that a method offers and that no objective or budget wants here.

    Attributes:
        compressor: the method.
        choice: what it offers.
        costs: by cost, what all knobs that offer it would add together, as a share of the uncompressed model's, against
            the best milder choice of each.
    """

    compressor: str
    choice: Choice
    costs: dict[str, float]

    def __str__(self) -> str:
        added = ", ".join(f"{cost.split('_')[0]} {added:+.1%}" for cost, added in self.costs.items())
        return f"{self.compressor} {self.choice} ({added})"


def unpaying(sensitivity: Sensitivity) -> list[Unpaying]:
    """In the order of the knobs. Neutral choices and those of the base are never among them.

    Nor is what any knob saves by, however little: it adds up over the knobs. Knobs that no probe has told of count as
    if their choices paid; so do runtimes, of which the slower one with the base may be the faster one with integers.
    This goes by the latency of whole networks that probes have measured, not by profiles of operators as ``parefront
    explain`` does: what a choice costs between operators is in it. Samplers without probes leave nothing out.
    """
    return _unpaying(sensitivity, _best_milder(sensitivity))


def _unpaying(sensitivity: Sensitivity, milder: Indices) -> list[Unpaying]:
    found: dict[tuple[str, Choice], list[tuple[int, int]]] = {}
    for index, knob in enumerate(sensitivity.space):
        for place, choice in enumerate(knob.choices):
            found.setdefault((knob.compressor, choice), []).append((index, place))
    return [
        Unpaying(compressor, choice, _added(sensitivity, milder, places))
        for (compressor, choice), places in found.items()
        if all(milder[index, place] != place for index, place in places)
    ]


def replacements(sensitivity: Sensitivity) -> Indices:
    """For every knob and choice the place of what to take instead, ``(knobs, most choices)``: its own where it pays."""
    milder = _best_milder(sensitivity)
    gone = {(found.compressor, found.choice) for found in _unpaying(sensitivity, milder)}
    table = np.tile(np.arange(milder.shape[1]), (len(milder), 1))
    for index, knob in enumerate(sensitivity.space):
        for place, choice in enumerate(knob.choices):  # milder ones first: a chain of them ends at one that pays
            if (knob.compressor, choice) in gone:
                table[index, place] = table[index, milder[index, place]]
    return table


def _best_milder(sensitivity: Sensitivity) -> Indices:
    """For every knob and choice the place of one that loses no more and saves as much; its own where there is none."""
    losses = sensitivity.loss_table
    savings = [np.where(np.isfinite(losses), table, -np.inf) for table in sensitivity.saving_tables.values()]
    best = np.tile(np.arange(losses.shape[1]), (len(losses), 1))
    base = sensitivity.indices([sensitivity.base])[0]
    for index, knob in enumerate(sensitivity.space):
        for place in range(len(knob.choices) if in_order(knob) else 0):
            untold = not any(table[index, place] for table in savings)
            if untold or place in (base[index], sensitivity.neutral[index]):
                continue
            rivals = [
                other
                for other in range(place)
                if losses[index, other] <= losses[index, place]
                and all(table[index, other] >= table[index, place] for table in savings)
            ]
            if rivals:
                best[index, place] = max(rivals, key=lambda other: sum(table[index, other] for table in savings))
    return best


def _added(sensitivity: Sensitivity, milder: Indices, places: list[tuple[int, int]]) -> dict[str, float]:
    def of(table: Floats) -> float:
        return float(sum(table[index, milder[index, place]] - table[index, place] for index, place in places))

    return {cost: of(table) for cost, table in sensitivity.saving_tables.items()}
