"""The uniform sampler: every knob of a compressor the same choice; the control that a per-layer search must beat."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial

from ...evaluators.results.errors import SpaceExhausted
from ...spaces.knob import Choice
from ...spaces.policy import Policy
from ...spaces.space import SearchSpace
from ..runs.studies.history import tried_digests
from .context import SamplerContext
from .joint_sampler import TogetherSampler


class UniformSampler(TogetherSampler):
    """Walks through all combinations of uniform choices, mildest first, and ends the search when there are no more."""

    def __init__(self, context: SamplerContext) -> None:
        super().__init__(context)
        self._space = context.space

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        tried = tried_digests(study) | {Policy().digest}
        # Each trial used up one combination at least, so the first `number` of them need no second look.
        for policy in itertools.islice(uniform_policies(self._space), trial.number, None):
            if policy.digest not in tried:
                return self._space.encode(policy)
        raise SpaceExhausted(f"all {len(tried) - 1} uniform policies have been tried")


def uniform_policies(space: SearchSpace) -> Iterator[Policy]:
    """Every combination of one choice for each compressor, mildest first; repeats are possible.

    Mildness is the sum over the compressors of how far along its choices each one is.
    """
    ladders = space.ladders()

    def strength(combination: tuple[Choice, ...]) -> float:
        return sum(
            ladder.index(choice) / max(1, len(ladder) - 1)
            for choice, ladder in zip(combination, ladders.values(), strict=True)
        )

    for combination in sorted(itertools.product(*ladders.values()), key=strength):
        yield space.uniform(dict(zip(ladders, combination, strict=True)))
