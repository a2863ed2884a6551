"""The given sampler: one policy that its user has chosen, and then the search ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial

from ...evaluators.results.errors import SpaceExhausted
from ...spaces.errors import ConfigError
from ...spaces.messages import did_you_mean, kind
from ...spaces.policy import Policy
from ...spaces.space import SearchSpace
from ..runs.studies.history import tried_digests
from .context import SamplerContext
from .joint_sampler import TogetherSampler
from .options import read_options


@dataclass(frozen=True)
class GivenOptions:
    """Options of ``given``.

    Attributes:
        every: a choice by compressor, for all of its knobs (``{quantize: 8}``); a knob without it takes the nearest
            milder.
        policy: or choices by compressor and target, as a run writes them; what is not named stays as it is.
    """

    every: Mapping[str, Any] = field(default_factory=dict)
    policy: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, value in (("every", self.every), ("policy", self.policy)):
            if not isinstance(value, Mapping):
                raise ConfigError(f"sampler_options.{name}: expected a mapping by compressor, got {kind(value)}")
        if self.every and self.policy:
            raise ConfigError("sampler_options: 'given' takes either every or policy, got both")
        for name, choice in self.every.items():
            if not isinstance(choice, bool | int | float | str):
                raise ConfigError(f"sampler_options.every.{name}: expected one choice, got {kind(choice)}")


class GivenSampler(TogetherSampler):
    """Suggests the policy of its options; without any, the uncompressed model's."""

    def __init__(self, context: SamplerContext) -> None:
        super().__init__(context)
        self._space = context.space
        self._policy = given_policy(context.space, read_options(GivenOptions, context.options, "given"))

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        if self._policy.digest in tried_digests(study):
            raise SpaceExhausted("the policy that was given has been evaluated")
        return self._space.encode(self._policy)


def given_policy(space: SearchSpace, options: GivenOptions) -> Policy:
    """The policy that options mean in a space.

    Raises:
        ConfigError: for a compressor or a target that has no knobs there, or a choice that is not offered.
    """
    ladders = space.ladders()
    for name in options.every:
        if name not in ladders:
            raise ConfigError(f"sampler_options.every: {name!r} has no knobs here{did_you_mean(name, list(ladders))}")
    if options.every:
        return space.uniform(options.every)
    return space.decode(Policy.from_dict(options.policy))
