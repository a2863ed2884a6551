"""Policies worth a look: optimal for some price of every cost under what the model may be, and children of the best."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .sensitivity import Floats, Indices, Sensitivity


def priced_optima(
    sensitivity: Sensitivity, losses: Floats, savings: Mapping[str, Floats], prices: Mapping[str, float]
) -> Indices:
    """The policy of least Σ loss − price · saving: the knapsack's Lagrangian (Everett 1963), solved knob by knob.

    A knob that voids others is chosen where that is better than the best of all it voids.

    Args:
        sensitivity: the knobs.
        losses, by cost savings: for every knob a factor for its entries, ``(knobs,)``.
        prices: of each cost, in loss.

    Returns:
        Places among the choices, ``(knobs,)``.
    """
    base = sensitivity.indices([sensitivity.base])[0]
    values = sensitivity.table(sensitivity.divergence) * losses[:, None]
    for cost, price in prices.items():
        saved = sensitivity.table(sensitivity.savings[cost])
        values = values - price * np.where(np.isfinite(saved), saved * savings[cost][:, None], 0.0)
    chosen = np.asarray(values.argmin(axis=1), dtype=np.int64)
    best = values.min(axis=1)
    for knob, void in sensitivity.voids.items():
        neutral = sensitivity.neutral[knob]
        others = np.delete(values[knob], neutral)
        kept = values[knob, neutral] + best[void].sum()
        if others.min() < kept:
            place = int(others.argmin())
            chosen[knob] = place + (place >= neutral)
            chosen[void] = base[void]
            best[void] = 0.0
        else:
            chosen[knob] = neutral
    return chosen


def reference_price(sensitivity: Sensitivity, cost: str) -> float:
    """The loss for a saving of everything at its strongest: prices are drawn about it."""
    losses = sum(max(by_choice) for by_choice in sensitivity.divergence.values())
    savings = sum(max(0.0, *by_choice) for by_choice in sensitivity.savings[cost].values())
    return losses / max(savings, 1e-9)
