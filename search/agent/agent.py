"""The agent of the reinforcement-learning sampler: its networks, what they learn from a trial, how it suggests one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from optuna import Study
from optuna.trial import FrozenTrial, TrialState

from ...evaluators.results.metrics import costs_of, metric_key
from ...spaces.errors import ConfigError
from ...spaces.knob import Choice
from ...spaces.messages import did_you_mean
from ..runs.studies.history import Tried
from ..samplers.context import SamplerContext
from ..surrogate.macs_prior import assumed_sensitivity
from .ddpg import Ddpg, Floats, Replay
from .episode import Episode, within
from .knob_order import Route
from .observation import States
from .rewards import REWARDS, error_and_cost, scores

UPDATES = 3
"""Updates of the networks after each trial."""
BASELINE_DECAY = 0.95
ROOM = 1.5
"""Least ratio of the greatest budget of an episode to the smallest, where the search's own budget can hardly be met."""
PENALTY = 3.0
"""What the search's budgets are missed by, times this, is taken from an episode's reward."""
_BUDGET, _LEARNING = 1, 2


@dataclass(frozen=True)
class AmcOptions:
    """Options of ``amc``.

    Attributes:
        reward: what an episode is worth: ``error_log_cost`` or another name in ``REWARDS``.
        warmup: number of complete trials with random actions at the start; by default an eighth of all, between 10
            and 100.
        sigma: of the normal distribution, truncated to [0, 1], that actions are drawn from after the warm-up.
        decay: factor of ``sigma`` for each complete trial.
        band: how far below its budget an episode's cost may be aimed, as a share of the budget.
    """

    reward: str = "error_log_cost"
    warmup: int | None = None
    sigma: float = 0.5
    decay: float = 0.95
    band: float = 0.25

    def __post_init__(self) -> None:
        if self.reward not in REWARDS:
            hint = did_you_mean(str(self.reward), REWARDS)
            raise ConfigError(f"sampler_options.reward: no reward {self.reward!r}{hint}")
        for name in ("warmup", "sigma", "decay", "band"):
            value = getattr(self, name)
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if value is not None and not (number and 0 <= value < math.inf):
                raise ConfigError(f"sampler_options.{name}: expected a number of 0 or more, got {value!r}")
        if not 0 < self.decay <= 1 or self.sigma > 10:
            raise ConfigError("sampler_options: expected a decay above 0, of at most 1, and a sigma of at most 10")


class Agent:
    """The networks, the replay buffer and the baseline, with the number of trials that made them so."""

    def __init__(self, context: SamplerContext, options: AmcOptions) -> None:
        self._context, self._options = context, options
        names = context.objectives
        self._loss, self._cost = error_and_cost(names)
        self._before = costs_of(context.baseline, names)
        sensitivity = context.probe() if context.probe is not None else None
        cost = metric_key(names[self._cost])
        if sensitivity is None or cost not in sensitivity.costs:
            sensitivity = assumed_sensitivity(context.space, context.layers, cost)
        self._route = Route.of(sensitivity, cost)
        self._states = States(self._route, context.layers)
        self._networks = Ddpg(self._states.width, context.search_seed)
        self._replay = Replay(self._states.width, 100 * len(context.space))
        self._reward = REWARDS[self._options.reward]
        given = self._options.warmup
        self._warmup = given if given is not None else min(100, max(10, context.trials // 8))
        self._numbers: list[int] = []
        self._episodes, self._baseline = 0, 0.0

    def knows_no_more_than(self, trials: Sequence[FrozenTrial]) -> bool:
        """Whether it has learned from the first of these trials, and from no others."""
        return self._numbers == [trial.number for trial in trials[: len(self._numbers)]]

    def learn(self, study: Study, trials: Sequence[FrozenTrial]) -> None:
        """Learn from the trials that are new to it, in their order, up to the first that is not finished."""
        for trial in trials[len(self._numbers) :]:
            if not trial.state.is_finished():
                return
            self._numbers.append(trial.number)
            if trial.state == TrialState.COMPLETE:
                self._remember(trial.number, Tried.of(study, trial))
                self._update(trial.number)

    def suggest(self, number: int, generator: np.random.Generator) -> dict[str, Choice]:
        """A choice for every knob, for the trial of that number."""
        episode, action = self._episode(number), 0.0
        sigma = self._options.sigma * self._options.decay ** max(0, self._episodes - self._warmup)
        while (knob := episode.knob) is not None:
            last = len(self._route.savings[knob]) - 1
            if self._episodes < self._warmup:
                wanted = generator.uniform()
            else:
                wanted = _truncated(self._networks.act(self._states.of(episode, action)), sigma, generator)
            place = episode.clip(round(wanted * last))
            action = place / max(1, last)
            episode.take(place)
        return self._route.sensitivity.params(episode.places)

    def budget(self, number: int) -> float:
        """The share of the uncompressed model's cost that the episode of that number may have, as expected."""
        low, dearest = self._route.expected
        top = min(dearest, max(ROOM * low, min([1.0, *self._limits()])))
        drawn = np.random.default_rng([self._context.search_seed, number, _BUDGET]).uniform()
        return float(low + (max(top, low) - low) * drawn)

    def _limits(self) -> list[float]:
        """The search's own budgets on the cost, as shares of the uncompressed model's."""
        key = metric_key(self._context.objectives[self._cost])
        budgets = [b for b in self._context.budgets if b.is_cost and b.metric.key == key]
        return [budget.share_of(self._context.baseline) for budget in budgets]

    def _episode(self, number: int) -> Episode:
        return within(self._route, self.budget(number), self._options.band)

    def _remember(self, number: int, tried: Tried) -> None:
        """The steps of a trial, as they were or would have been."""
        episode, steps, action = self._episode(number), list[tuple[Floats, float]](), 0.0
        places = self._route.sensitivity.indices([tried.params])[0]
        while (knob := episode.knob) is not None:
            state = self._states.of(episode, action)
            action = float(places[knob]) / max(1, len(self._route.savings[knob]) - 1)
            steps.append((state, action))
            episode.take(int(places[knob]))
        names = self._context.objectives
        reward = self._reward(scores(tried.costs, self._before, names, self._loss, self._cost, self.budget(number)))
        reward -= PENALTY * tried.violation
        for index, (state, action) in enumerate(steps):
            following = steps[index + 1][0] if index + 1 < len(steps) else None
            self._replay.add(state, action, reward, following)
        weight = BASELINE_DECAY if self._episodes else 0.0
        self._baseline = weight * self._baseline + (1 - weight) * reward
        self._episodes += 1

    def _update(self, number: int) -> None:
        if self._episodes < self._warmup:
            return
        generator = np.random.default_rng([self._context.search_seed, number, _LEARNING])
        for _ in range(UPDATES):
            self._networks.update(self._replay.draw(generator), self._baseline)


def _truncated(mean: float, sigma: float, generator: np.random.Generator) -> float:
    """Drawn from the normal distribution truncated to [0, 1]; ``mean`` is within it."""
    while not 0 <= (drawn := generator.normal(mean, sigma)) <= 1:
        pass
    return float(drawn)
