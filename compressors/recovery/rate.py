"""The learning rate, from how far a network is from its teacher when training begins."""

from __future__ import annotations

from .recipe import Recipe

SGD_RATES = (0.01, 0.3)
"""From the mildest to the deepest cut, see :func:`rate_for`."""
ADAMW_RATES = (1e-4, 1e-3)
MILD, DEEP = 0.01, 1.0
"""Divergences from which, and up to which, the rate grows."""


def rate_for(divergence: float, recipe: Recipe) -> float:
    """The greatest learning rate of a cycle.

    What is near to its teacher is taken further from it by large steps before it comes nearer, and the budget is over
    by then; what is far from it gets nowhere by small ones. The rate is a power of the divergence between two bounds,
    fitted to members of ResNet-56's and ResNet-20's fronts (``benchmarks/recovery.py rates``).

    Args:
        divergence: mean squared difference of the outputs, in units of the teacher's variance.
        recipe: whose optimiser and batch it is for; it grows with the square root of the batch's size.
    """
    low, high = ADAMW_RATES if recipe.optimiser == "adamw" else SGD_RATES
    reference = 32 if recipe.optimiser == "adamw" else 128
    place = min(1.0, max(0.0, divergence - 0.0) / DEEP)
    return float(max(low, high * place**0.5) * (recipe.batch / reference) ** 0.5)
