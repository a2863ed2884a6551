"""A policy that was not tried, drawn at random: what is left where a sampler only repeats itself."""

from __future__ import annotations

from collections.abc import Set

import numpy as np

from ...evaluators.results.errors import SpaceExhausted
from ...spaces.policy import Policy
from ...spaces.space import SearchSpace

_DRAWS = 1000


def draw_new(space: SearchSpace, tried: Set[str], generator: np.random.Generator) -> Policy:
    """Draw until the digest is none of ``tried``.

    Raises:
        SpaceExhausted: after a thousand draws; in a space where that happens next to nothing is left.
    """
    for _ in range(_DRAWS):
        policy = space.sample(generator)
        if policy.digest not in tried:
            return policy
    raise SpaceExhausted(f"{_DRAWS:,} random draws from the space found no policy that was not tried")
