"""The Gaussian-process sampler: every knob a number between 0 and 1, each objective a process that expects little."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import optuna
from optuna import Study
from optuna.distributions import BaseDistribution, FloatDistribution
from optuna.samplers import GPSampler
from optuna.trial import FrozenTrial, TrialState, create_trial

from ..runs.studies.told import FLOOR
from .choice_scale import nearest, position
from .context import SamplerContext
from .joint_sampler import TogetherSampler

if TYPE_CHECKING:
    import torch
    from optuna._gp.gp import GPRegressor

LENGTH_MEAN, LENGTH_VARIANCE = math.sqrt(2), 3.0
"""Of the logarithm of a length scale in one dimension; with d of them the mean is greater by half of log d."""


class GaussianProcessSampler(TogetherSampler):
    """Optuna's Gaussian processes (expected hypervolume improvement), in as many dimensions as there are knobs.

    A number means the nearest of a knob's choices. Length scales have the prior of Hvarfner, Hellsten, Nardi 2024,
    "Vanilla Bayesian optimization performs great in high dimensions", which grows with √d: the distance of two policies
    does, too, and without it all of a hundred knobs would seem to have nothing to do with each other. Noise and the
    scale of the outputs keep Optuna's priors. Budgets are constraints.
    """

    def __init__(self, context: SamplerContext) -> None:
        super().__init__(context)
        self._space = {knob.name: FloatDistribution(0.0, 1.0) for knob in context.space}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        sampler = GPSampler(seed=self._context.seed)
        sampler._log_prior = log_prior
        inner = optuna.create_study(directions=study.directions, sampler=sampler)
        complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        missed = any(told.constraints.get(FLOOR, 0.0) > 0 for told in complete)
        for told in complete:
            inner.add_trial(self._in_numbers(told, told.constraints if missed else _without_floor(told.constraints)))
        numbers = inner.ask(dict(self._space)).params
        return {knob.name: nearest(knob, numbers[knob.name]) for knob in self._context.space}

    def _in_numbers(self, trial: FrozenTrial, constraints: dict[str, float]) -> FrozenTrial:
        """A trial of the search with the positions of its choices."""
        params = {knob.name: position(knob, trial.params[knob.name]) for knob in self._context.space}
        return create_trial(
            values=trial.values, params=params, distributions=dict(self._space), constraints=constraints
        )


def _without_floor(constraints: dict[str, float]) -> dict[str, float]:
    """Each constraint costs a process of its own; one that all trials meet is not worth it."""
    return {name: missed for name, missed in constraints.items() if name != FLOOR}


def log_prior(process: GPRegressor) -> torch.Tensor:
    """The logarithm of a process's prior density, but for a constant: log-normal length scales, else as Optuna's.

    Of a length scale ℓ it is −log ℓ − (log ℓ − μ)² / 2σ² with μ = √2 + ½ log d and σ² = 3.
    """
    from optuna._gp.prior import default_log_prior

    inverse_squared = process.inverse_squared_lengthscales
    log_length = -0.5 * inverse_squared.log()
    mean = LENGTH_MEAN + 0.5 * math.log(len(inverse_squared))
    theirs = -(0.1 / inverse_squared + 0.1 * inverse_squared).sum()
    ours = -(log_length + (log_length - mean) ** 2 / (2 * LENGTH_VARIANCE)).sum()
    return default_log_prior(process) - theirs + ours
