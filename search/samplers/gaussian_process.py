"""The Gaussian-process sampler, on knobs in groups: few enough numbers for a model of the objectives."""

from __future__ import annotations

from typing import Any

import optuna
from optuna import Study
from optuna.distributions import BaseDistribution, FloatDistribution
from optuna.samplers import GPSampler
from optuna.trial import FrozenTrial, TrialState, create_trial

from ...spaces.errors import ConfigError
from ...spaces.knob import Knob
from ...spaces.space import SearchSpace
from ...spaces.stretches import stretches
from .choice_scale import mean_position, nearest
from .context import SamplerContext
from .joint_sampler import TogetherSampler

MOST_GROUPS = 15
"""A Gaussian process takes seconds a trial, and more with every dimension."""


class GroupedSampler(TogetherSampler):
    """Optuna's Gaussian processes (expected hypervolume improvement) on at most fifteen numbers.

    All knobs of one compressor in one stage of the network are one number between 0 and 1, for each of them the nearest
    choice. Stages are stretches of equally many knobs in execution order, as many as fifteen numbers allow; with
    fifteen knobs or fewer, each is a number of its own. Budgets are constraints.

    Raises:
        ConfigError: where there are more than fifteen compressors.
    """

    def __init__(self, context: SamplerContext) -> None:
        super().__init__(context)
        self._groups = grouped(context.space)
        self._space = {f"{knobs[0].name}…": FloatDistribution(0.0, 1.0) for knobs in self._groups}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        sampler = GPSampler(seed=self._context.seed)
        inner = optuna.create_study(directions=study.directions, sampler=sampler)
        for told in study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)):
            inner.add_trial(self._grouped(told))
        numbers = inner.ask(dict(self._space)).params
        return {
            knob.name: nearest(knob, number)
            for knobs, number in zip(self._groups, (numbers[name] for name in self._space), strict=True)
            for knob in knobs
        }

    def _grouped(self, trial: FrozenTrial) -> FrozenTrial:
        """A trial of the search in numbers for the groups."""
        numbers = (mean_position(knobs, trial.params) for knobs in self._groups)
        params = dict(zip(self._space, numbers, strict=True))
        return create_trial(
            values=trial.values, params=params, distributions=dict(self._space), constraints=trial.constraints
        )


def grouped(space: SearchSpace) -> list[tuple[Knob, ...]]:
    """At most ``MOST_GROUPS`` groups of knobs, each of one compressor and of neighbours in execution order.

    Raises:
        ConfigError: where there are more compressors than that.
    """
    if len(space) <= MOST_GROUPS:
        return [(knob,) for knob in space]
    compressors: dict[str, list[Knob]] = {}
    for knob in space:
        compressors.setdefault(knob.compressor, []).append(knob)
    stages = MOST_GROUPS // len(compressors)
    if not stages:
        raise ConfigError(
            f"search.sampler: 'gp' takes at most {MOST_GROUPS} groups of knobs, and there are {len(compressors)} "
            "compressors; choose another sampler, or fewer compressors"
        )
    groups = []
    for knobs in compressors.values():
        groups += [tuple(together) for together in stretches(knobs, stages)]
    return groups
