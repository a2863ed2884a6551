"""The reinforcement-learning sampler: an agent that walks the knobs, under a budget that is drawn for every trial."""

from __future__ import annotations

from typing import Any

import numpy as np
from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial

from ...spaces.tensors.one_thread import one_thread
from ..runs.studies.history import tried_digests
from ..samplers.context import SamplerContext
from ..samplers.joint_sampler import TogetherSampler
from ..samplers.options import read_options
from .agent import Agent, AmcOptions

WALKS = 5
"""Walks for a trial, before a policy that has been tried is suggested again."""
_WALKING = 3


class AmcSampler(TogetherSampler):
    """He, Lin, Liu, Wang, Li, Han 2018, "AMC: AutoML for Model Compression and Acceleration on Mobile Devices".

    A DDPG agent (see :class:`Ddpg`) meets the knobs in execution order (see :class:`States`); its action, between 0
    and 1, is the place of the choice among the knob's. Each choice is clipped so that the policy's expected cost stays
    within the episode's budget (see :class:`Episode`), and what was carried out is what the agent remembers. Every
    step of an episode is given the reward of its end, less a moving average of the rewards before it.

    Deviations:

    - All knobs, not prune ratios alone; a continuous action means the nearest choice.
    - The budget is drawn for every trial, evenly from the cheapest policy's expected cost up to the search's own budget
      or the uncompressed model, and is part of the state: one agent for the whole front.
    - Costs are those that the probes let expect, or MACs where there are none; the reward sees what was measured. What
      it misses budgets by, on other metrics too, is taken from the reward, times ``PENALTY``.
    - Costs are bound from below, too, so that budgets of all sizes are tried.
    - Warm-up is an eighth of the trials, not 100 of 400; three updates of the networks after each trial, not one for
      every layer: a trial is to cost 50 ms beside its evaluation.
    - A policy that has been tried is not evaluated again: the walk is repeated, up to five times.
    - Trials without a measurement (infeasible, failed) teach nothing.

    On synthetic networks of 32 knobs it is no better than random at 80 trials, and at 300 better on most of them; how
    much it learns from so few episodes is for every search to see beside its controls, ``random`` and ``bisect``.

    What the agent has learned is a function of the seed and of the finished trials up to the first unfinished one: a
    process that goes on with a search learns it again, trial by trial.
    """

    def __init__(self, context: SamplerContext) -> None:
        super().__init__(context)
        self._options = read_options(AmcOptions, context.options, "amc")

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        if self._context.probe is not None:
            self._context.probe()
        with one_thread():  # on several, sums in another order would make another agent
            agent = self._agent(study)
            known = tried_digests(study)
            generator = np.random.default_rng([self._context.search_seed, trial.number, _WALKING])
            for _ in range(WALKS):
                params = agent.suggest(trial.number, generator)
                if self._context.space.decode(params).digest not in known:
                    break
        return params

    def _agent(self, study: Study) -> Agent:
        """The agent, with all that there is to learn learned; made anew for another study than the last one."""
        trials = study.get_trials(deepcopy=False)
        agent = self._context.memory.get("amc")
        if not isinstance(agent, Agent) or not agent.knows_no_more_than(trials):
            agent = self._context.memory["amc"] = Agent(self._context, self._options)
        agent.learn(study, trials)
        return agent
