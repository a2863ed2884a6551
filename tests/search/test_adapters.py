"""Thin samplers: the sensitivity threshold that trials bisect, covariance matrices, Gaussian processes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch

from parefront.evaluators.results.errors import SpaceExhausted
from parefront.evaluators.results.fronts.front import Front
from parefront.search.registry import make_sampler
from parefront.search.runs.record import Outcome, TrialRecord
from parefront.search.runs.studies.study import RunStudy
from parefront.search.samplers.context import SamplerContext
from parefront.search.samplers.gaussian_process import log_prior
from parefront.spaces.errors import ConfigError
from parefront.spaces.knob import Choice
from parefront.spaces.policy import Policy
from parefront.spaces.space import SearchSpace

from .agent.test_amc import context_of, searched
from .probing import probe
from .synthetic import SyntheticEvaluator

OBJECTIVES = ("accuracy", "latency")


def bisected(evaluator: SyntheticEvaluator, context: SamplerContext, folder: Path) -> tuple[list[Policy], str]:
    """All policies that ``bisect`` has, in its order, and what it says at the end; infeasible ones included."""
    study = RunStudy(OBJECTIVES, (), context.baseline, make_sampler("bisect", context))
    policies: list[Policy] = []
    while True:
        trial = study.ask()
        try:
            policy = context.space.suggest(trial)
        except SpaceExhausted as end:
            return policies, str(end)
        policies.append(policy)
        if len(policy.of("drop_blocks")) == evaluator.blocks:
            record = TrialRecord(trial.number, policy, Outcome.INFEASIBLE, reason="no block is left")
        else:
            candidate = evaluator.evaluate(policy, folder / "artifact")
            record = TrialRecord(trial.number, policy, Outcome.COMPLETE, candidate)
        study.tell(trial, policy, record)


def test_bisection_tries_the_policy_of_every_threshold_once(tmp_path: Path) -> None:
    evaluator = SyntheticEvaluator(blocks=3)
    space, divergence = evaluator.space, probe(evaluator).divergence
    expected = set()
    for threshold in {value for values in divergence.values() for value in values}:
        policy: dict[str, Choice] = {}
        for knob in space:
            for choice, value in zip(knob.choices, divergence[knob.name], strict=True):
                if value <= threshold:
                    policy[knob.name] = choice
        expected.add(space.decode(policy))
    policies, end = bisected(evaluator, context_of(evaluator, tmp_path), tmp_path)
    assert len(policies) == len(set(policies))
    assert set(policies) == expected - {Policy()}
    assert end == f"all {len(policies)} thresholds have been tried"


def test_bisection_begins_with_everything_then_halves(tmp_path: Path) -> None:
    evaluator = SyntheticEvaluator(blocks=6, ratios=(0.0, 0.25, 0.5))
    policies, _ = bisected(evaluator, context_of(evaluator, tmp_path), tmp_path)
    assert len(policies[0].of("drop_blocks")) == 6, "everything"
    strength = [evaluator.exact(policy)[1] for policy in policies]
    assert strength[0] == min(strength)
    ranks = np.argsort(np.argsort(strength))
    assert abs(ranks[1] - len(ranks) / 2) < len(ranks) / 6


def test_bisection_beats_random_at_the_same_number_of_trials(tmp_path: Path) -> None:
    evaluator = SyntheticEvaluator(blocks=8)
    context = context_of(evaluator, tmp_path, trials=40)
    volumes = [
        Front.of(searched(name, evaluator, context, tmp_path), OBJECTIVES, context.baseline).hypervolume()
        for name in ("bisect", "random")
    ]
    assert volumes[0] > volumes[1] + 0.05


def test_bisection_without_probes_says_what_it_needs(tmp_path: Path) -> None:
    context = context_of(SyntheticEvaluator(blocks=3), tmp_path, probe=None)
    with pytest.raises(ConfigError, match="'bisect' needs probes"):
        make_sampler("bisect", context)


def test_covariance_matrices_need_two_knobs_but_one_is_served(tmp_path: Path) -> None:
    evaluator = SyntheticEvaluator(blocks=1)
    alone = SearchSpace.of([evaluator.space["prune_channels/block0.conv1"]])
    context = replace(context_of(evaluator, tmp_path, trials=5), space=alone)
    assert len({c.policy for c in searched("cmaes", evaluator, context, tmp_path)}) == 5


def test_gaussian_processes_give_every_knob_a_choice_of_its_own(tmp_path: Path) -> None:
    evaluator = SyntheticEvaluator(blocks=8)
    context = context_of(evaluator, tmp_path, trials=12)
    last = searched("gp", evaluator, context, tmp_path)[-1].policy
    params = evaluator.space.encode(last)
    for compressor in ("prune_channels", "quantize"):
        assert len({choice for name, choice in params.items() if name.startswith(compressor)}) > 1


@pytest.mark.parametrize("dimensions", [1, 16, 100])
def test_length_scales_are_log_normal_and_longer_the_more_knobs_there_are(dimensions: int) -> None:
    def prior(lengths: torch.Tensor) -> float:
        one = torch.ones(())
        held = SimpleNamespace(inverse_squared_lengthscales=lengths**-2, kernel_scale=one, noise_var=one)
        return float(log_prior(cast(Any, held)))

    expected: Any = torch.distributions.LogNormal(2**0.5 + 0.5 * np.log(dimensions), 3**0.5)
    short, long = torch.full((dimensions,), 0.5), torch.full((dimensions,), 5.0)
    difference = expected.log_prob(long).sum() - expected.log_prob(short).sum()
    assert prior(long) - prior(short) == pytest.approx(float(difference), rel=1e-5)
