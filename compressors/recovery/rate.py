"""The learning rate, from how far a network is from its teacher when training begins."""

from __future__ import annotations

from .recipe import SOFTENED, Recipe

SGD_RATES = (0.3, 0.5)
"""With batches of 128, for networks that are near to their teacher and for those that are far from it."""
ADAMW_RATES = (3e-4, 5e-4)
"""With batches of 32."""
BATCHES = {"sgd": 128, "adamw": 32}
OF_CLASSES = 1 / 3
"""Of these rates, what is right for losses of the softmax alone, which at temperature 4 are steeper than all others."""
FAR = 0.5
"""A divergence from which a network is far from its teacher."""
FULL_STEPS = 100
"""Steps from which on the rate is the full one: in fewer there is no time to settle after steps so large."""


def rate_for(divergence: float, recipe: Recipe, steps: int = FULL_STEPS) -> float:
    """The greatest learning rate of a cycle.

    The loss is in units of the teacher's variance and gradients are clipped, so that one rate fits networks of any
    scale; what was cut deeply takes a larger one, and a cycle of few steps a smaller one. Fitted to members of the
    fronts of ResNet-56 and of the quickstart; for `kl` and `dist` to a ResNet-20.

    Args:
        divergence: mean squared difference of the outputs, in units of the teacher's variance.
        recipe: whose optimiser and batch it is for; the rate grows with the square root of the batch's size.
        steps: of the cycle.
    """
    near, far = ADAMW_RATES if recipe.optimiser == "adamw" else SGD_RATES
    share = min(1.0, max(0.0, divergence) / FAR)
    part = min(1.0, steps / FULL_STEPS) * recipe.batch / BATCHES[recipe.optimiser]
    steepness = OF_CLASSES if any(name in SOFTENED for name in recipe.losses) and "mse" not in recipe.losses else 1.0
    return float((near + share * (far - near)) * part**0.5 * steepness)
