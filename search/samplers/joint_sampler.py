"""What samplers share that choose all knobs of a trial at once."""

from __future__ import annotations

from typing import Any

from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial

from .context import SamplerContext


class TogetherSampler(BaseSampler):
    """A sampler whose ``sample_relative`` gives every knob."""

    def __init__(self, context: SamplerContext) -> None:
        self._context = context

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return dict(self._context.space.distributions)

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        raise AssertionError(f"all knobs are sampled together, {param_name} was asked for alone")
