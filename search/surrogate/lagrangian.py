"""Policies worth a look: optimal for some price of every cost, under what the additive model may be."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .sensitivity import Floats, Indices, Sensitivity


def priced_optima(
    sensitivity: Sensitivity, losses: Floats, savings: Mapping[str, Floats], prices: Mapping[str, Floats]
) -> Indices:
    """The policies of least Σ loss − price · saving: the knapsack's Lagrangian (Everett 1963), solved knob by knob.

    A knob that voids others is chosen where that is better than the best of all it voids.

    Args:
        sensitivity: the knobs.
        losses, by cost savings: for every policy wanted and every knob a factor for its entries, ``(policies, knobs)``.
        prices: of each cost, in loss, ``(policies,)``.

    Returns:
        Places among the choices, ``(policies, knobs)``.
    """
    base = sensitivity.indices([sensitivity.base])[0]
    values = sensitivity.loss_table * losses[:, :, None]
    for cost, price in prices.items():
        saved = np.where(np.isfinite(values[0]), sensitivity.saving_tables[cost], 0.0)
        values = values - price[:, None, None] * saved * savings[cost][:, :, None]
    chosen = np.asarray(values.argmin(axis=2), dtype=np.int64)
    best = values.min(axis=2)
    for knob, void in sorted(sensitivity.voids.items(), key=lambda item: len(item[1])):  # inner ones first
        neutral = int(sensitivity.neutral[knob])
        of_knob = values[:, knob].copy()
        kept = of_knob[:, neutral] + best[:, void].sum(axis=1)
        of_knob[:, neutral] = np.inf
        taken = of_knob.min(axis=1) < kept
        chosen[:, knob] = np.where(taken, of_knob.argmin(axis=1), neutral)
        rows = np.flatnonzero(taken)
        chosen[rows[:, None], void] = base[void]
        best[rows[:, None], void] = 0.0
        best[:, knob] = np.where(taken, of_knob.min(axis=1), values[:, knob, neutral])
    return chosen


def reference_price(sensitivity: Sensitivity, cost: str) -> float:
    """The loss for a saving of everything at its strongest: prices are drawn about it."""
    losses = sum(max(by_choice) for by_choice in sensitivity.divergence.values())
    savings = sum(max(0.0, *by_choice) for by_choice in sensitivity.savings[cost].values())
    return losses / max(savings, 1e-9)
