"""The default sampler: probes, the knapsack at a ladder of budgets, then whatever is expected to improve the front."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial

from ...evaluators.results.metrics import costs_of, metric_key, metric_of, quality_of, useful_losses
from ...spaces.errors import ConfigError
from ...spaces.knob import Choice
from ...spaces.policy import Policy
from ...spaces.space import SearchSpace
from ..runs.studies.history import History, Tried
from ..surrogate.dominated_choices import replacements
from ..surrogate.expected_hypervolume import expected_improvement
from ..surrogate.knapsack import Knapsack
from ..surrogate.known_rows import KnownRows
from ..surrogate.lagrangian import priced_optima, reference_price
from ..surrogate.sensitivity import Floats, Indices, Sensitivity
from ..surrogate.surrogate_prediction import Outlook
from .constraints import Watched
from .context import SamplerContext
from .evolution import children, rank
from .joint_sampler import TogetherSampler
from .random_policy import draw_new
from .van_der_corput import van_der_corput

MOST_MOVED = 0.4
"""Nats at which the ladder ends: some ten points of accuracy."""
_OPTIMA, _CHILDREN, _POPULATION, _DRAWS = 120, 80, 16, 24
_WIDEST_PRICE = 1e3
_LIKELY, _BEYOND = 0.5, 1e-3
"""What is not likely to meet the budgets is worth so little: of all trials a third missed them where it was not."""
_SCALES = (1.0, 0.2, 1.0, 3.0)
"""What the loss that is of use (ten points of accuracy) is multiplied by, from trial to trial: the hypervolume alone
would leave both the small losses, which most users want, and the great ones, which the smallest devices need, to
chance."""
_PAYING, _ROWS = "choices that pay", "rows"
_SPARE = (0.97, 0.92)
"""Shares of the user's budgets that are aimed at first: the model errs."""


class KnapsackSampler(TogetherSampler):
    """Knows what every knob does before the first trial, and spends the trials on what the sum of it does not tell.

    1. *Probe*: the loss and the saving of each knob's choices alone (see ``Prober``), once a run.
    2. *Seed*: the base that savings are measured from; what the user's budgets allow at least loss; then the knapsack
       at a ladder of costs, from the base's down to where outputs are too far gone, middle first.
    3. *Refine*: everything tried corrects the additive model (``Correction``). Hundreds of policies are looked at: the
       knapsack's optima for prices and corrections drawn at random, and children of the best; the one that is expected
       to add most to the hypervolume is tried; in turn above a loss of ten points, of two, of ten and of thirty. What
       misses a budget adds nothing, and what is expected to lose more than is of use next to nothing, however little is
       known of it; budgets on other metrics than the objectives are kept with the probability that
       the same model gives (see ``Watched``). With three objectives expectations alone count.

    It keeps nothing but the probes, which are on disk: each step is worked out from the study's history.
    """

    def __init__(self, context: SamplerContext) -> None:
        if context.probe is None:
            raise ConfigError("this sampler needs an evaluator that can probe; use nsga2, tpe or random")
        self._space: SearchSpace = context.space
        super().__init__(context)
        self._probe = context.probe
        names = context.objectives
        self._count = len(names)
        self._watched = Watched(context.budgets, names, context.baseline)
        self._loss = quality_of(names)
        if self._loss is None and self._watched.quality is not None:
            self._loss = self._count + self._watched.quality
        self._keys = [*map(metric_key, names), *self._watched.keys]
        missed = {budget.text: budget.violation(context.baseline, context.baseline) for budget in context.budgets}
        uncompressed = Tried(
            params=context.space.encode(Policy()),
            digest=Policy().digest,
            costs=costs_of(context.baseline, names),
            violation=sum(max(0.0, by) for by in missed.values()),
            divergence=0.0,
            missed=missed,
        )
        self._baseline = self._watched.beside(uncompressed)
        qualities = [*map(metric_of, names), *self._watched.metrics]
        self._useful = 0.0 if self._loss is None else useful_losses(context.baseline, qualities)[self._loss] or 0.0
        self._generator = np.random.default_rng(context.seed)
        self._scale = 1.0

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        history = History.of(study)
        known = history.digests | {self._baseline.digest}
        sensitivity = self._probe()
        tried = [self._watched.beside(t) for t in history.tried]
        rows = self._context.memory.setdefault(_ROWS, KnownRows(sensitivity)).of([t.params for t in tried])
        outlook = Outlook(sensitivity, self._baseline, tried, self._loss, self._keys, self._useful, rows)
        if len(known) <= self._seeds + 1:
            for params in self._start(sensitivity, outlook, len(known) - 1 - len(self._context.first)):
                if self._digest(params) not in known:
                    return dict(params)
        self._scale = _SCALES[len(known) % len(_SCALES)]
        return self._refine(sensitivity, outlook, tried, known)

    @property
    def _seeds(self) -> int:
        """Trials for step 2, and for what every sampler begins with."""
        return min(16, max(3, self._context.trials // 6)) + len(self._context.first)

    def _start(self, sensitivity: Sensitivity, outlook: Outlook, done: int) -> Iterator[Mapping[str, Choice]]:
        """Step 2, lazily; the corrections of the moment are in it. With ``done`` trials the ladder is so far down."""
        yield sensitivity.base
        knapsack = self._knapsack(sensitivity, outlook)
        if done <= len(_SPARE):
            yield from self._within_budgets(sensitivity, knapsack)
        costs = [cost for cost in sensitivity.costs if cost in self._keys[: self._count]]
        others = {cost: bound for cost, bound in self._bounds(sensitivity).items() if cost not in costs}
        least = {
            cost: float(sensitivity.expected_cost(cost, knapsack.least_cost(cost, MOST_MOVED)[None])[0])
            for cost in costs
        }
        for step in range(max(0, done - 1 - len(_SPARE)), 3 * self._seeds):
            share = van_der_corput(step // len(costs) + 1)
            cost = costs[step % len(costs)]
            bound = sensitivity.base_costs[cost] + share * (least[cost] - sensitivity.base_costs[cost])
            row = knapsack.least_loss({**others, cost: bound})
            if row is not None:
                yield sensitivity.params(row)

    def _within_budgets(self, sensitivity: Sensitivity, knapsack: Knapsack) -> Iterator[Mapping[str, Choice]]:
        """The least loss within the user's budgets on costs, with a little to spare."""
        bounds = self._bounds(sensitivity)
        for spare in _SPARE if bounds else ():
            row = knapsack.least_loss({cost: spare * bound for cost, bound in bounds.items()})
            if row is not None:
                yield sensitivity.params(row)

    def _bounds(self, sensitivity: Sensitivity) -> dict[str, float]:
        """What the user's budgets allow of the uncompressed model's costs, by cost."""
        bounds: dict[str, float] = {}
        for budget in self._context.budgets:
            key = budget.metric.key
            if budget.is_cost and key in sensitivity.base_costs:
                bound = budget.share_of(self._context.baseline)
                bounds[key] = min(bound, bounds.get(key, bound))
        return bounds

    def _knapsack(self, sensitivity: Sensitivity, outlook: Outlook) -> Knapsack:
        scale = {"": outlook.divergence.factors}
        scale |= {self._keys[index]: correction.factors for index, correction in outlook.costs.items()}
        return Knapsack(sensitivity, scale)

    def _refine(
        self, sensitivity: Sensitivity, outlook: Outlook, tried: list[Tried], known: frozenset[str]
    ) -> dict[str, Choice]:
        """Step 3: of many policies the one that is expected to add most to the front."""
        rows = np.vstack([self._optima(sensitivity, outlook), self._children(sensitivity, tried)])
        if _PAYING not in self._context.memory:
            self._context.memory[_PAYING] = replacements(sensitivity)
        rows = np.unique(self._context.memory[_PAYING][np.arange(rows.shape[1]), rows], axis=0)
        means, deviations = outlook.predict(rows)
        count = self._count
        draws = self._generator.normal(size=(_DRAWS, count))
        fits = [not t.violation for t in [*tried, self._baseline]]
        front = np.vstack([outlook.believed(), np.array([self._baseline.costs])])[fits, :count]
        gain = expected_improvement(front, means[:, :count], deviations[:, :count], self._corner(), draws)
        met = self._watched.met(means[:, count:], deviations[:, count:])
        gain = gain * np.where(met >= _LIKELY, met, _BEYOND * met)
        if self._loss is not None and self._loss < count:
            gain = np.where(means[:, self._loss] <= self._corner()[self._loss], gain, _BEYOND * gain)
        for index in np.argsort(-gain, kind="stable"):
            params = sensitivity.params(rows[index])
            if gain[index] > 0 and self._digest(params) not in known:
                return params
        for row in self._generator.permutation(rows):
            params = sensitivity.params(row)
            if self._digest(params) not in known:
                return params
        return self._space.encode(draw_new(self._space, known, self._generator))

    def _optima(self, sensitivity: Sensitivity, outlook: Outlook) -> Indices:
        """Optimal for prices drawn at random, under corrections drawn from what they may be."""
        draw, corrections = self._generator, {self._keys[index]: c for index, c in outlook.costs.items()}
        prices, savings = {}, {}
        for cost in sensitivity.costs:
            prices[cost] = reference_price(sensitivity, cost) * _WIDEST_PRICE ** draw.uniform(-1, 1, _OPTIMA)
            savings[cost] = corrections[cost].draw_factors(draw, _OPTIMA)
        return priced_optima(sensitivity, outlook.divergence.draw_factors(draw, _OPTIMA), savings, prices)

    def _children(self, sensitivity: Sensitivity, tried: list[Tried]) -> Indices:
        """Bred from the best of what was tried, by crossover and mutation."""
        loss, floor = self._loss, np.inf if self._loss is None else self._floor
        useful = [t for t in [self._baseline, *tried] if loss is None or t.costs[loss] <= floor]
        if self._context.budgets and all(t.violation for t in useful):
            useful = [self._baseline, *tried]
        by_objectives = [replace(t, costs=t.costs[: self._count]) for t in useful] if self._watched.keys else useful
        parents = sensitivity.indices([useful[index].params for index in rank(by_objectives, _POPULATION)])
        return children(self._space, parents, self._generator, _CHILDREN)

    @property
    def _floor(self) -> float:
        assert self._loss is not None
        return self._baseline.costs[self._loss] + self._scale * self._useful

    def _corner(self) -> Floats:
        """The worst that is of use: what the uncompressed model costs, or the budgets allow; the floor of accuracy."""
        corner = np.array(self._baseline.costs[: self._count])
        if self._loss is not None and self._loss < self._count:
            corner[self._loss] = self._floor
        for budget in self._context.budgets:
            for index, key in enumerate(self._keys[: self._count]):
                if budget.metric.key == key:
                    bound = budget.value_at(0.0, self._context.baseline)
                    allowed = bound * self._baseline.costs[index] if budget.is_cost else bound
                    corner[index] = min(corner[index], allowed)
        return corner

    def _digest(self, params: Mapping[str, Choice]) -> str:
        """Of the policy that ``params`` make; as ``decode``, without checking what this sampler itself has chosen."""
        return self._space.canonical(self._space.policy_of(params)).digest
