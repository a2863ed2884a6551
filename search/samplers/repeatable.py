"""Makes any Optuna sampler repeatable: its suggestions depend on seed, number of the trial and history alone."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, TrialState

from ..runs.studies.history import tried_digests
from ..runs.studies.study import REPEATS
from .context import SamplerContext
from .random_policy import draw_new

MAX_REPEATS = 20
"""Trials in a row that may repeat policies, before one is drawn at random that repeats none."""


class RepeatableSampler(BaseSampler):
    """Builds the inner sampler anew for every trial, seeded by the search's seed and the trial's number.

    The state of a generator would be lost with the process; this way a search that was killed and gone on with
    suggests the policies that it would have suggested anyway. All knobs of a trial are drawn at once, so it does not
    matter either how many of them had been stored when the process died. The context's ``first`` policies come before
    all that is drawn.
    """

    def __init__(self, factory: Callable[[SamplerContext], BaseSampler], context: SamplerContext) -> None:
        self._factory = factory
        self._context = context
        self._number = -1
        self._inner: BaseSampler | None = None

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        self._of(trial).before_trial(study, trial)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return dict(self._context.space.distributions)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        if _repeats_in_a_row(study) >= MAX_REPEATS:
            generator = np.random.default_rng([self._context.seed, trial.number])
            return self._context.space.encode(draw_new(self._context.space, tried_digests(study), generator))
        if trial.number < len(self._context.first):
            return self._context.space.encode(self._context.first[trial.number])
        inner = self._of(trial)
        drawn = inner.sample_relative(study, trial, inner.infer_relative_search_space(study, trial))
        for name, distribution in search_space.items():
            if name not in drawn and not distribution.single():
                drawn[name] = inner.sample_independent(study, trial, name, distribution)
        return drawn

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        return self._of(trial).sample_independent(study, trial, param_name, param_distribution)

    def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None) -> None:
        self._of(trial).after_trial(study, trial, state, values)

    def _of(self, trial: FrozenTrial) -> BaseSampler:
        if self._inner is None or self._number != trial.number:
            seed = int(np.random.SeedSequence([self._context.seed, trial.number]).generate_state(1)[0])
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ExperimentalWarning)
                self._inner, self._number = self._factory(replace(self._context, seed=seed)), trial.number
        return self._inner


def _repeats_in_a_row(study: Study) -> int:
    count = 0
    for trial in reversed(study.get_trials(deepcopy=False)):
        if trial.state.is_finished():
            if REPEATS not in trial.user_attrs:
                break
            count += 1
    return count
