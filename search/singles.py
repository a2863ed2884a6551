"""The default sampler: uniform policies, then single changes, then the best changes together, then evolution."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial

from ..spaces import Choice, Policy, SearchSpace
from .changes import Change, Effect, rank_repairs, rank_savings, single_changes
from .context import SamplerContext
from .evolve import child, rank
from .front import ACCURACY_FLOOR
from .history import History, Tried
from .metrics import higher_is_better, metric_key, minimised
from .novel import draw_new
from .study import noise_of
from .surrogate import Surrogate, most_promising
from .uniform import uniform_choices

SINGLES_SHARE = 0.33
"""At most this share of the trials goes into single changes."""
POPULATION = 16
_CHILDREN = 40


class AutoSampler(BaseSampler):
    """Looks before it leaps: measures what each change does alone, and starts the evolution from the best together.

    1. *Uniform policies*: every compressor on its own at its mildest choice and a middle one. The one that gives most
       for its loss becomes the base (for most networks: everything in int8), or the uncompressed model where none pays.
       On top of the base, the others uniformly, at a mild, a middle and a strong choice.
    2. *Single changes* on top of the base, one trial each: a block dropped, a layer at its middle choice or, where the
       base loses accuracy, as it was. Neighbours are changed together where there are more knobs than trials to spare.
       Compressors that saved nothing uniformly are left to the evolution.
    3. *Ladders*: the changes ranked by accuracy lost for cost saved (and won for cost added), and the best 1, 2, 3, 5,
       8, … of them together.
    4. *Evolution* (NSGA-II) from the best of all these: of forty children the one that an additive model, fitted to all
       that was tried, expects to add most to the front.

    It keeps no state: each step is worked out from the study's history, so that a search can be gone on with.
    """

    def __init__(self, context: SamplerContext) -> None:
        self._space: SearchSpace = context.space
        self._context = context
        self._loss = next((i for i, name in enumerate(context.objectives) if higher_is_better(name)), 0)
        names = context.objectives
        self._baseline = Tried(
            params=context.space.encode(Policy()),
            digest=Policy().digest,
            costs=tuple(minimised(context.baseline, name) for name in names),
            noise=tuple(noise_of(context.baseline, name) for name in names),
            violation=sum(max(0.0, budget.violation(context.baseline, context.baseline)) for budget in context.budgets),
            divergence=0.0,
        )

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return dict(self._space.distributions)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        history = History.of(study)
        known = history.digests | {self._baseline.digest}
        for params in self._start(history):
            if self._digest(params) not in known:
                return dict(params)
        return self._evolve(history, known)

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        raise AssertionError(f"all knobs are sampled together, {param_name} was asked for alone")

    def _start(self, history: History) -> Iterator[Mapping[str, Choice]]:
        """Steps 1 to 3, lazily: a step is worked out once those before it are in the history."""
        alone = self._uniform_alone()
        yield from alone
        base = self._best_base(history, alone)
        yield from self._uniform_on_top(base)
        changes = single_changes(
            self._space,
            base.params,
            int(SINGLES_SHARE * self._context.trials),
            repairs=self._loses(base),
            leave_out=self._idle(history, base),
        )
        yield from ({**base.params, **change} for change in changes)
        effects = [e for change in changes if (e := self._effect(history, base, change)) is not None]
        yield from self._ladder(base, rank_savings(effects))
        yield from self._ladder(base, rank_repairs(effects))

    def _uniform_alone(self) -> list[Mapping[str, Choice]]:
        """Each compressor at its mildest and a middle choice; those that remove layers are not for use everywhere."""
        removing = {self._space[name].compressor for name in self._space.removes}
        alone: list[Mapping[str, Choice]] = []
        for compressor, ladder in uniform_choices(self._space).items():
            stronger = ladder[1:]
            if stronger and compressor not in removing:
                for choice in dict.fromkeys((stronger[0], stronger[(len(stronger) - 1) // 2])):
                    alone.append(self._space.encode(self._space.uniform({compressor: choice})))
        return alone

    def _best_base(self, history: History, alone: Sequence[Mapping[str, Choice]]) -> Tried:
        """Least relative cost, with ten points of accuracy as dear as the whole uncompressed model."""
        found = [history.by_digest(self._digest(params)) for params in alone]
        return min([self._baseline, *(t for t in found if t is not None)], key=self._price)

    def _price(self, tried: Tried) -> float:
        costs, before = self._without_loss(tried.costs), self._without_loss(self._baseline.costs)
        loss = tried.costs[self._loss] - self._baseline.costs[self._loss]
        return float(np.mean([c / b for c, b in zip(costs, before, strict=True)])) + loss / ACCURACY_FLOOR

    def _without_loss(self, values: Sequence[float]) -> list[float]:
        return [value for index, value in enumerate(values) if index != self._loss]

    def _uniform_on_top(self, base: Tried) -> Iterator[Mapping[str, Choice]]:
        """Each compressor that the base leaves alone, on top of it, at a mild, a middle and a strong choice."""
        for _, params in self._on_top(base):
            yield params

    def _on_top(self, base: Tried) -> Iterator[tuple[str, Mapping[str, Choice]]]:
        """The same, with the compressor's name."""
        in_base = {knob.compressor for knob in self._space if base.params[knob.name] != knob.neutral}
        removing = {self._space[name].compressor for name in self._space.removes}
        for compressor, ladder in uniform_choices(self._space).items():
            stronger = ladder[1:]
            if compressor in in_base | removing or not stronger:
                continue
            for share in (0.0, 0.4, 0.8):
                top = self._space.uniform({compressor: stronger[int(share * len(stronger))]})
                yield compressor, {**base.params, **dict(top)}

    def _idle(self, history: History, base: Tried) -> frozenset[str]:
        """The compressors that, uniformly on top of the base, saved nothing of any cost beyond noise."""
        pays: dict[str, bool] = {}
        for compressor, params in self._on_top(base):
            effect = self._effect(history, base, {n: c for n, c in params.items() if c != base.params[n]})
            pays[compressor] = pays.get(compressor, False) or effect is None or effect.saving > effect.saving_noise
        return frozenset(name for name, paid in pays.items() if not paid)

    def _loses(self, base: Tried) -> bool:
        """Whether the base has lost accuracy beyond noise, so that taking changes back may win some."""
        lost = base.costs[self._loss] - self._baseline.costs[self._loss]
        return base is not self._baseline and lost > max(0.005, base.noise[self._loss])

    def _effect(self, history: History, base: Tried, change: Change) -> Effect | None:
        tried = history.by_digest(self._digest({**base.params, **change}))
        if tried is None:
            return None
        before, after = self._without_loss(base.costs), self._without_loss(tried.costs)
        saved = [(b - a) / b for b, a in zip(before, after, strict=True)]
        noise = [n / b for n, b in zip(self._without_loss(tried.noise), before, strict=True)]
        return Effect(
            change,
            loss=tried.costs[self._loss] - base.costs[self._loss],
            loss_noise=tried.noise[self._loss],
            saving=float(np.mean(saved)),
            saving_noise=float(np.mean(noise)),
            divergence=_difference(tried.divergence, base.divergence),
        )

    def _ladder(self, base: Tried, ranked: Sequence[Effect]) -> Iterator[Mapping[str, Choice]]:
        step, following = 1, 2
        while step <= len(ranked):
            params = dict(base.params)
            for effect in ranked[:step]:
                params |= effect.change
            yield params
            if sum(effect.loss for effect in ranked[:step]) > ACCURACY_FLOOR:
                return
            step, following = following, step + following

    def _evolve(self, history: History, known: frozenset[str]) -> dict[str, Choice]:
        """Of a number of children of the best so far the one that promises most."""
        generator = np.random.default_rng(self._context.seed)
        everything = (self._baseline, *history.tried)
        tried = [t for t in everything if t.costs[self._loss] <= self._floor]
        if self._context.budgets and all(t.violation for t in tried):
            tried = list(everything)
        parents = [tried[index] for index in rank(tried)[:POPULATION]]
        children = (child(self._space, parents, generator) for _ in range(_CHILDREN))
        novel = {digest: params for params in children if (digest := self._digest(params)) not in known}
        if not novel:
            return self._space.encode(draw_new(self._space, known, generator))
        base = self._best_base(history, self._uniform_alone())
        surrogate = Surrogate(self._space, base, tried, self._loss)
        return dict(most_promising(surrogate, list(novel.values()), tried, self._corner()))

    @property
    def _floor(self) -> float:
        return self._baseline.costs[self._loss] + ACCURACY_FLOOR

    def _corner(self) -> NDArray[np.float64]:
        """The worst that is of use: what the uncompressed model costs, or the budgets allow, and ten points of loss."""
        corner = np.array(self._baseline.costs)
        corner[self._loss] = self._floor
        for budget in self._context.budgets:
            for index, name in enumerate(self._context.objectives):
                if metric_key(name) == metric_key(budget.metric) and budget.at_most and budget.relative:
                    corner[index] = budget.amount * self._baseline.costs[index]
        return corner

    def _digest(self, params: Mapping[str, Choice]) -> str:
        """Of the policy that ``params`` make; as ``decode``, without checking what this sampler itself has chosen."""
        neutral = self._baseline.params
        changed = {name: choice for name, choice in params.items() if choice != neutral[name]}
        return self._space.canonical(Policy(changed)).digest


def _difference(after: float | None, before: float | None) -> float | None:
    return None if after is None or before is None else after - before
