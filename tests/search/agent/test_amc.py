"""The agent as a sampler: its budgets, what it learns again after a restart, its options."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from parefront.evaluators.results.budget import Budget
from parefront.evaluators.results.candidate import Candidate
from parefront.search.agent.agent import Agent, AmcOptions
from parefront.search.registry import make_sampler
from parefront.search.runs.record import Outcome, TrialRecord
from parefront.search.runs.studies.study import RunStudy
from parefront.search.samplers.context import SamplerContext
from parefront.spaces.errors import ConfigError, Infeasible

from ..probing import probe
from ..synthetic import SyntheticEvaluator

OBJECTIVES = ("accuracy", "latency")


def context_of(evaluator: SyntheticEvaluator, folder: Path, trials: int = 40, **fields: Any) -> SamplerContext:
    budgets = tuple(Budget.parse(text) for text in fields.pop("budgets", ()))
    baseline = evaluator.baseline(folder)
    sensitivity = probe(evaluator)
    context = SamplerContext(3, evaluator.space, OBJECTIVES, budgets, trials, baseline, search_seed=3)
    return replace(context, **{"probe": lambda: sensitivity, **fields})


def searched(name: str, evaluator: SyntheticEvaluator, context: SamplerContext, folder: Path) -> list[Candidate]:
    """The candidates of as many policies as the context says."""
    study = RunStudy(OBJECTIVES, context.budgets, context.baseline, make_sampler(name, context))
    records: dict[str, TrialRecord] = {}
    while len(records) < context.trials:
        trial = study.ask()
        policy = context.space.suggest(trial)
        if policy.digest not in records:
            try:
                candidate = replace(evaluator.evaluate(policy, folder / "artifact"), trial=trial.number)
                record = TrialRecord(trial.number, policy, Outcome.COMPLETE, candidate)
            except Infeasible:
                record = TrialRecord(trial.number, policy, Outcome.INFEASIBLE, reason="no block is left")
            records[policy.digest] = record
        study.tell(trial, policy, records[policy.digest])
    return [record.candidate for record in records.values() if record.candidate]


def test_policies_cost_what_their_trials_were_allowed(tmp_path: Path) -> None:
    evaluator = SyntheticEvaluator(blocks=6)
    context = context_of(evaluator, tmp_path)
    agent, sensitivity = Agent(context, AmcOptions()), probe(evaluator)
    candidates = searched("amc", evaluator, context, tmp_path)
    rows = sensitivity.indices([context.space.encode(candidate.policy) for candidate in candidates])
    costs = sensitivity.expected_cost("latency_ratio", rows)
    numbers = [candidate.trial for candidate in candidates]
    for number, cost in zip(numbers, costs, strict=True):
        assert number is not None
        assert cost <= agent.budget(number) + 1e-6


def test_another_seed_is_another_agent(tmp_path: Path) -> None:
    evaluator = SyntheticEvaluator(blocks=3)
    first, second = (
        [c.policy for c in searched("amc", evaluator, context_of(evaluator, tmp_path, search_seed=s), tmp_path)]
        for s in (0, 1)
    )
    assert first != second


def test_episodes_have_budgets_all_along_the_front(tmp_path: Path) -> None:
    evaluator = SyntheticEvaluator(blocks=6)
    agent = Agent(context_of(evaluator, tmp_path), AmcOptions())
    budgets = [agent.budget(number) for number in range(200)]
    assert min(budgets) < 0.2
    assert max(budgets) > 0.8
    assert max(budgets) <= 1.0


def test_no_episode_has_more_than_the_search_allows(tmp_path: Path) -> None:
    evaluator = SyntheticEvaluator(blocks=6)
    for text in ("latency <= 0.4x", "latency <= 0.8ms"):
        agent = Agent(context_of(evaluator, tmp_path, budgets=[text]), AmcOptions())
        assert 0.35 < max(agent.budget(number) for number in range(200)) <= 0.4, text


def test_memory_is_only_a_shortcut(tmp_path: Path) -> None:
    evaluator = SyntheticEvaluator(blocks=3)
    context = context_of(evaluator, tmp_path)
    first = [c.policy for c in searched("amc", evaluator, context, tmp_path)]
    assert "amc" in context.memory
    assert [c.policy for c in searched("amc", evaluator, context, tmp_path)] == first, "a study that is new to it"
    assert [c.policy for c in searched("amc", evaluator, replace(context, memory={}), tmp_path)] == first


def test_it_needs_no_probes(tmp_path: Path) -> None:
    evaluator = SyntheticEvaluator(blocks=4)
    assert len(searched("amc", evaluator, context_of(evaluator, tmp_path, probe=None), tmp_path)) > 30


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rewrd": "error"}, "'amc' has no option 'rewrd'; did you mean 'reward'?"),
        ({"reward": "eror"}, "sampler_options.reward: no reward 'eror'; did you mean 'error'?"),
        ({"sigma": -1}, "sampler_options.sigma: expected a number of 0 or more, got -1"),
        ({"sigma": float("nan")}, "sampler_options.sigma: expected a number of 0 or more, got nan"),
        ({"decay": 0}, "expected a decay above 0, of at most 1"),
    ],
)
def test_options_that_cannot_be_are_told(options: dict[str, Any], message: str, tmp_path: Path) -> None:
    context = context_of(SyntheticEvaluator(blocks=3), tmp_path, options=options)
    with pytest.raises(ConfigError) as caught:
        make_sampler("amc", context)
    assert message in str(caught.value)


def test_samplers_without_options_say_so_and_those_of_optuna_take_their_arguments(tmp_path: Path) -> None:
    context = context_of(SyntheticEvaluator(blocks=3), tmp_path, options={"population_size": 8})
    with pytest.raises(ConfigError, match="'random' has no option 'population_size'; it takes none"):
        make_sampler("random", context)
    make_sampler("optuna.samplers:NSGAIIISampler", context)
    with pytest.raises(ConfigError, match="no option 'popsize'; did you mean 'population_size'"):
        make_sampler("optuna.samplers:NSGAIIISampler", replace(context, options={"popsize": 8}))
