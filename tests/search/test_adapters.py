"""Thin samplers: the sensitivity threshold that trials bisect, covariance matrices, groups for Gaussian processes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from parefront.evaluators.results.errors import SpaceExhausted
from parefront.evaluators.results.front import Front
from parefront.search.registry import make_sampler
from parefront.search.runs.record import Outcome, TrialRecord
from parefront.search.runs.study import RunStudy
from parefront.search.samplers.context import SamplerContext
from parefront.search.samplers.gaussian_process import grouped
from parefront.spaces.errors import ConfigError
from parefront.spaces.knob import Choice, Knob
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


@pytest.mark.parametrize("blocks", [1, 3, 4, 25])
def test_groups_are_fifteen_at_most_of_one_compressor_each_and_hold_every_knob_once(blocks: int) -> None:
    space = SyntheticEvaluator(blocks=blocks).space
    groups = grouped(space)
    assert len(groups) <= 15
    assert sorted(knob.name for group in groups for knob in group) == sorted(knob.name for knob in space)
    for group in groups:
        assert len({knob.compressor for knob in group}) == 1
        places = [[k for k in space if k.compressor == group[0].compressor].index(knob) for knob in group]
        assert places == list(range(places[0], places[0] + len(group))), "neighbours"


def test_more_than_fifteen_compressors_are_too_many_for_groups() -> None:
    space = SearchSpace.of([Knob(f"method{i}", "conv", (False, True), False) for i in range(16)])
    with pytest.raises(ConfigError, match="'gp' takes at most 15 groups of knobs, and there are 16 compressors"):
        grouped(space)


def test_knobs_of_a_group_move_together(tmp_path: Path) -> None:
    evaluator = SyntheticEvaluator(blocks=8)
    context = context_of(evaluator, tmp_path, trials=11)
    last = searched("gp", evaluator, context, tmp_path)[-1].policy
    params = evaluator.space.encode(last)
    dropped = [name for name, choice in params.items() if name.startswith("drop_blocks") and choice]
    for group in grouped(evaluator.space):
        alive = [k for k in group if not any(k.target.startswith(d.removeprefix("drop_blocks/")) for d in dropped)]
        assert len({params[knob.name] for knob in alive}) <= 1
