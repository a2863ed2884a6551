"""Costs by layer: two knobs about the same layer cannot save the same part of it twice."""

from __future__ import annotations

import numpy as np

from .sensitivity import Floats, Indices, Sensitivity

MOST_SAVED = 0.97
"""Of a layer, that any one knob is taken to save: there is always something to run."""
FOLLOWS = 0.5
"""Of what no layer takes (activations, additions, starting a run), the part that falls as the layers do."""


def layered_cost(sensitivity: Sensitivity, cost: str, rows: Indices) -> tuple[Floats, Floats]:
    """A cost as the sum over the layers of what the knobs leave of each.

    A knob's saving, as its probe told it, is a share of what its layers take together, as profiled, and is taken off
    each of them; shares of one layer multiply, as the channels cut from its inputs and from its outputs do. An
    additive model saves the common part twice: on the quickstart, whose layers are pruned at both ends, its
    predictions were off by 5 to 8 % in the median once corrected by trials, these by 3 to 4 %.

    Args:
        sensitivity: with what each layer takes of ``cost`` (``work``).
        cost: which.
        rows: places among the choices, ``(policies, knobs)``.

    Returns:
        The share of the uncompressed model's cost, ``(policies,)``, and the derivative of its logarithm by that of each
        knob's saving, ``(policies, knobs)``: negative where the knob saves.
    """
    base = sensitivity.base_costs[cost]
    takes = base * np.array(list(sensitivity.work[cost].values()))
    about = sensitivity.about[cost]
    whole = about @ takes
    saved = sensitivity.saved(cost, rows)
    share = np.minimum(np.divide(saved, whole, out=np.zeros_like(saved), where=whole > 0), MOST_SAVED)
    left = takes * np.exp(np.log1p(-share) @ about)
    beside, layers = base - takes.sum(), left.sum(axis=1)
    follows = FOLLOWS * beside / takes.sum()
    elsewhere = np.where(whole > 0, 0.0, saved)
    total = (1 + follows) * layers + (1 - FOLLOWS) * beside
    expected = total * np.exp(-elsewhere.sum(axis=1) / base)
    parts = (1 + follows) * (left @ about.T) / total[:, None] * share / (1 - share) + elsewhere / base
    return expected, -parts
