"""Costs by layer: two knobs about the same layer cannot save the same part of it twice."""

from __future__ import annotations

import numpy as np

from .sensitivity import Floats, Indices, Sensitivity

MOST_SAVED = 0.99
"""Of a layer, or of all of them, that any one knob is taken to save: there is always something to run."""
MOST_ADDED = 4.0
"""The same, that it is taken to add: float in place of int8 adds two to four times what int8 takes."""


def layered_cost(sensitivity: Sensitivity, cost: str, rows: Indices) -> tuple[Floats, Floats]:
    """A cost as the sum over the layers of what the knobs leave of each.

    What no layer takes (activations, additions, starting a run) is taken to go with the layers, each of which has its
    share of the whole. A knob's saving, as its probe told it, is a share of what its layers take together, and is taken
    off each of them; shares of one layer multiply, as the channels cut from its inputs and from its outputs do. What a
    knob saves beyond its layers, or costs beyond four times of them, is a share of all that is left. A knob that was
    probed alone gives what was measured. Knobs that were probed together have parts of what they save in sum, each less
    than it saves alone where their layers overlap: too little is then expected of them, until trials correct it.

    An additive model saves the common part of two knobs twice: on the quickstart, whose layers are pruned at both ends,
    its predictions were off by 5 to 8 % in the median once corrected by trials, these by 3 to 5 %.

    Args:
        sensitivity: with what each layer takes of ``cost`` (``work``).
        cost: which.
        rows: places among the choices, ``(policies, knobs)``.

    Returns:
        The share of the uncompressed model's cost, ``(policies,)``, and the derivative of its logarithm by that of each
        knob's saving, ``(policies, knobs)``: negative where the knob saves.
    """
    base, saved = sensitivity.base_costs[cost], sensitivity.saved(cost, rows)
    profiled, about = np.array(list(sensitivity.work[cost].values())), sensitivity.about[cost]
    takes = base * profiled / profiled.sum()
    whole = about @ takes
    within = np.clip(saved, -MOST_ADDED * whole, MOST_SAVED * whole)
    share = np.divide(within, whole, out=np.zeros_like(saved), where=whole > 0)
    left = takes * np.exp(np.log1p(-share) @ about)
    layers = left.sum(axis=1)
    beyond = np.minimum((saved - within) / (base - within), MOST_SAVED)
    expected = layers * np.exp(np.log1p(-beyond).sum(axis=1))
    of_layers = (left @ about.T) / layers[:, None] * share / (1 - share)
    of_all = saved / ((base - within) * (1 - beyond))
    return expected, -np.where(within == saved, of_layers, of_all)
