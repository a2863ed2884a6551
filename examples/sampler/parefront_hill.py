"""Hill climbing: a member of the front so far, with one knob moved by one choice."""

from typing import Any

import numpy as np
from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial

from parefront.search import SamplerContext
from parefront.spaces import Policy


class HillClimber(BaseSampler):
    """Starts from the uncompressed network; the seed and the trials so far decide what it suggests."""

    def __init__(self, context: SamplerContext) -> None:
        self.space = context.space
        self.generator = np.random.default_rng(context.seed)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return dict(self.space.distributions)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        known = [trial.params for trial in study.best_trials] or [self.space.encode(Policy())]
        params = dict(known[int(self.generator.integers(len(known)))])
        knob = self.space.knobs[int(self.generator.integers(len(self.space)))]
        place = knob.choices.index(params[knob.name])
        beside = knob.choices[max(0, place - 1) : place] + knob.choices[place + 1 : place + 2]
        params[knob.name] = beside[int(self.generator.integers(len(beside)))]
        return params

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        raise AssertionError(f"all knobs are sampled together, {param_name} was asked for alone")
