"""The covariance-matrix sampler: every knob a number between 0 and 1, the objectives one sum."""

from __future__ import annotations

from typing import Any

import numpy as np
from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial

from ...evaluators.results.metrics import costs_of, useful_losses
from ..runs.studies.history import History, Tried
from .choice_scale import nearest, position
from .context import SamplerContext
from .joint_sampler import TogetherSampler

SIGMA = 0.3
PENALTY = 10.0
"""Price of missing a budget by its own amount; that of the whole uncompressed model is 1."""


class CmaSampler(TogetherSampler):
    """CMA-ES (Hansen & Ostermeier 2001), by the package ``cmaes``, with an initial step of 0.3 from the middle.

    A number means the nearest of a knob's choices. Each generation minimises a sum of the objectives with weights of
    its own, drawn from the search's seed, so that the search moves along the front: costs as shares of the
    uncompressed model's, ten points of accuracy (``Metric.useful_loss``) lost as dear as all of it, budgets by a
    penalty.

    Deviations: weights change between generations; the distribution is told the positions of the choices that were
    carried out, not the numbers that were drawn, so that it can be made again from the study; infeasible and failed
    trials are left out.
    """

    def __init__(self, context: SamplerContext) -> None:
        super().__init__(context)
        losses = useful_losses(context.baseline, context.objectives)
        self._loss = [loss is not None for loss in losses]
        self._useful = np.array([loss or 1.0 for loss in losses])
        self._before = np.array(costs_of(context.baseline, context.objectives))

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        from cmaes import CMA

        knobs = self._context.space.knobs
        if len(knobs) < 2:
            return {}
        bounds = np.array([[0.0, 1.0]] * len(knobs))
        distribution = CMA(np.full(len(knobs), 0.5), SIGMA, bounds=bounds, seed=self._context.search_seed)
        tried, size = History.of(study).tried, distribution.population_size
        for start in range(0, len(tried) - size + 1, size):
            weights = self._weights(start // size)
            generation = [(self._numbers(t), self._price(t, weights)) for t in tried[start : start + size]]
            distribution.tell(generation)
        distribution.reseed_rng(self._context.seed)
        return {knob.name: nearest(knob, number) for knob, number in zip(knobs, distribution.ask(), strict=True)}

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Of a single knob: CMA-ES needs two dimensions."""
        knob = self._context.space[param_name]
        return knob.choices[int(np.random.default_rng(self._context.seed).integers(len(knob.choices)))]

    def _weights(self, generation: int) -> np.ndarray:
        return np.random.default_rng([self._context.search_seed, generation]).dirichlet(np.ones(len(self._before)))

    def _numbers(self, tried: Tried) -> np.ndarray:
        return np.array([position(knob, tried.params[knob.name]) for knob in self._context.space])

    def _price(self, tried: Tried, weights: np.ndarray) -> float:
        costs = np.array(tried.costs)
        shares = np.where(self._loss, (costs - self._before) / self._useful, costs / self._before)
        return float(weights @ shares + PENALTY * tried.violation)
