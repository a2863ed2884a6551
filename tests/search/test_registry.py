"""Samplers: found by name, by entry point, by import path; all of them repeatable; auto better than its controls."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import optuna
import pytest

from parefront.evaluators.results.budget import Budget
from parefront.evaluators.results.candidate import Candidate
from parefront.evaluators.results.errors import SpaceExhausted
from parefront.evaluators.results.fronts.front import Front
from parefront.search.controller import search
from parefront.search.registry import SAMPLERS, make_sampler, sampler_names
from parefront.search.runs.record import Outcome, TrialRecord
from parefront.search.runs.run import Run
from parefront.search.runs.studies.study import RunStudy
from parefront.search.samplers.context import SamplerContext
from parefront.search.samplers.repeatable import MAX_REPEATS
from parefront.search.samplers.uniform import uniform_policies
from parefront.spaces.errors import ConfigError, Infeasible
from parefront.spaces.policy import Policy

from .probing import probe
from .synthetic import ACCURACY, SyntheticEvaluator

OBJECTIVES = ("accuracy", "latency")


def context_of(
    evaluator: SyntheticEvaluator, folder: Path, seed: int = 0, trials: int = 60, budgets: tuple[str, ...] = ()
) -> SamplerContext:
    parsed = tuple(Budget.parse(text) for text in budgets)
    baseline, sensitivity = evaluator.baseline(folder), probe(evaluator)
    return SamplerContext(
        seed, evaluator.space, OBJECTIVES, parsed, trials, baseline, search_seed=seed, probe=lambda: sensitivity
    )


def suggest(
    name: str,
    evaluator: SyntheticEvaluator,
    context: SamplerContext,
    folder: Path,
    restarts: Collection[int] = (),
    asks: int | None = None,
) -> list[TrialRecord]:
    """The records of ``context.trials`` policies, or of ``asks`` trials; the study is read again after ``restarts``."""
    records: dict[str, TrialRecord] = {}
    order: list[TrialRecord] = []

    def study() -> RunStudy:
        sampler = make_sampler(name, replace(context, memory={}))
        made = RunStudy(OBJECTIVES, context.budgets, context.baseline, sampler)
        if restarts:
            made.keep_in(folder, None)
        return made

    current = study()
    while len(order) < asks if asks else len(records) < context.trials:
        trial = current.ask()
        try:
            policy = context.space.suggest(trial)
        except SpaceExhausted:
            break
        if policy.digest not in records:
            records[policy.digest] = evaluate(evaluator, policy, trial.number, folder)
        current.tell(trial, policy, records[policy.digest])
        order.append(records[policy.digest])
        if trial.number in restarts:
            current.close()
            current = study()
    current.close()
    return order if asks else list(records.values())


def evaluate(evaluator: SyntheticEvaluator, policy: Policy, number: int, folder: Path) -> TrialRecord:
    try:
        candidate = evaluator.evaluate(policy, folder / "artifact.onnx")
    except Infeasible as error:
        return TrialRecord(number, policy, Outcome.INFEASIBLE, reason=str(error))
    return TrialRecord(number, policy, Outcome.COMPLETE, candidate)


def front_of(records: list[TrialRecord], baseline: Candidate) -> Front:
    return Front.of([r.candidate for r in records if r.candidate], OBJECTIVES, baseline)


@pytest.mark.parametrize(
    "name", [*(name for name in SAMPLERS if name not in ("given", "gp", "replay")), "optuna.samplers:NSGAIIISampler"]
)
def test_a_study_that_is_read_again_goes_on_as_if_it_had_not_been(name: str, tmp_path: Path) -> None:
    evaluator = SyntheticEvaluator(blocks=3, noise=0.01)
    straight, broken = (
        [r.policy for r in suggest(name, evaluator, context_of(evaluator, tmp_path), tmp_path, restarts, asks=45)]
        for restarts in ((), (0, 15, 16, 31, 40))
    )
    assert straight == broken
    assert len(set(straight)) > 12


@pytest.mark.parametrize("name", ["amc", "auto", "cmaes", "nsga2", "nsga3", "random", "tpe"])
def test_another_seed_suggests_other_policies(name: str, tmp_path: Path) -> None:
    evaluator = SyntheticEvaluator(blocks=3)
    first, second = (
        {r.policy for r in suggest(name, evaluator, context_of(evaluator, tmp_path, seed, 30), tmp_path)}
        for seed in (0, 1)
    )
    assert first != second


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_auto_beats_random_and_uniform_at_the_same_number_of_trials(seed: int, tmp_path: Path) -> None:
    evaluator = SyntheticEvaluator(blocks=8, noise=0.004, seed=seed)
    exact = SyntheticEvaluator(blocks=8, seed=seed)
    volumes = {}
    for name in ("auto", "random", "uniform"):
        context = context_of(evaluator, tmp_path, seed, trials=60)
        chosen = front_of(suggest(name, evaluator, context, tmp_path), context.baseline)
        truth = [evaluate(exact, c.policy, i, tmp_path) for i, c in enumerate(chosen)]
        volumes[name] = front_of(truth, context.baseline).hypervolume()
    assert volumes["auto"] > volumes["random"] + 0.05
    assert volumes["auto"] > volumes["uniform"] + 0.05


def test_auto_never_repeats_a_policy_and_leaves_the_uncompressed_model_out(tmp_path: Path) -> None:
    evaluator = SyntheticEvaluator(blocks=2)
    policies = [r.policy for r in suggest("auto", evaluator, context_of(evaluator, tmp_path), tmp_path, asks=60)]
    assert len(set(policies)) == 60
    assert Policy() not in policies


def test_auto_starts_with_its_base_then_the_budget_then_a_ladder_of_losses(tmp_path: Path) -> None:
    evaluator = SyntheticEvaluator(blocks=6)
    context = context_of(evaluator, tmp_path, trials=60, budgets=("latency <= 0.4x",))
    policies = [r.policy for r in suggest("auto", evaluator, context, tmp_path)]
    assert policies[0] == evaluator.space.uniform({"quantize": 8})
    assert evaluator.exact(policies[1])[1] <= 0.42
    times = [evaluator.exact(policy)[1] for policy in policies[3:10]]
    assert max(times) - min(times) > 0.15
    assert len({policy.digest for policy in policies[:10]}) == 10


def test_auto_leaves_alone_what_saves_nothing(tmp_path: Path) -> None:
    evaluator = SyntheticEvaluator(blocks=6, width_saves=False)
    policies = [r.policy for r in suggest("auto", evaluator, context_of(evaluator, tmp_path, trials=60), tmp_path)]
    assert sum(len(policy.of("prune_channels")) for policy in policies[:10]) <= 6


def test_auto_goes_for_the_budget(tmp_path: Path) -> None:
    evaluator = SyntheticEvaluator(blocks=6)
    budget = Budget.parse("latency <= 0.3x")
    context = context_of(evaluator, tmp_path, trials=60, budgets=("latency <= 0.3x",))
    records = suggest("auto", evaluator, context, tmp_path)
    late = [r.candidate for r in records[30:] if r.candidate]
    assert sum(budget.met(c, context.baseline) for c in late) > len(late) / 2
    assert front_of(records, context.baseline).select("latency <= 0.3x").metrics["accuracy"].value > ACCURACY - 0.05


def test_uniform_walks_through_all_combinations_mildest_first(tmp_path: Path) -> None:
    evaluator = SyntheticEvaluator(blocks=4, ratios=(0.0, 0.25, 0.5))
    records = suggest("uniform", evaluator, context_of(evaluator, tmp_path), tmp_path)
    policies = [r.policy for r in records]
    assert policies[0] == evaluator.space.uniform({"prune_channels": 0.25})
    assert set(policies) == {*uniform_policies(evaluator.space)} - {Policy()}
    assert len(policies) == 3 * 2 - 1 + 1, "with every block dropped, pruning and quantising are void"


def test_uniform_says_when_it_is_at_its_end(tmp_path: Path) -> None:
    evaluator = SyntheticEvaluator(blocks=2, ratios=(0.0,))
    context = context_of(evaluator, tmp_path)
    study = RunStudy(OBJECTIVES, (), context.baseline, make_sampler("uniform", context))
    for number in range(2):
        trial = study.ask()
        policy = context.space.suggest(trial)
        study.tell(trial, policy, evaluate(evaluator, policy, number, tmp_path))
    with pytest.raises(SpaceExhausted, match="all 2 uniform policies have been tried"):
        context.space.suggest(study.ask())


def test_a_sampler_that_only_repeats_itself_is_helped_out(tmp_path: Path) -> None:
    evaluator = SyntheticEvaluator(blocks=3)
    records = suggest("tests_search_stubborn:Stubborn", evaluator, context_of(evaluator, tmp_path), tmp_path, asks=50)
    runs = [r.policy for r in records]
    assert len(set(runs)) == 1 + (50 - 1) // (MAX_REPEATS + 1)


@pytest.fixture(autouse=True)
def stubborn_sampler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An importable module with a sampler that takes no seed and always suggests the same."""
    (tmp_path / "tests_search_stubborn.py").write_text(
        "import optuna\n"
        "class Stubborn(optuna.samplers.RandomSampler):\n"
        "    def __init__(self): super().__init__(seed=7)\n"
        "def not_a_sampler(context): return 3\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))


def test_an_unknown_name_names_the_nearest(tmp_path: Path) -> None:
    context = context_of(SyntheticEvaluator(), tmp_path)
    with pytest.raises(ConfigError, match="no sampler 'unifrm'; did you mean 'uniform'"):
        make_sampler("unifrm", context)
    with pytest.raises(ConfigError, match="cannot be imported"):
        make_sampler("optuna.samplers:NoSuchSampler", context)
    with pytest.raises(ConfigError, match="cannot be imported"):
        make_sampler("no_such_module:Sampler", context)


def test_a_sampler_registers_by_entry_point(tmp_path: Path) -> None:
    info = tmp_path / "stubborn-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: stubborn\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[parefront.samplers]\n"
        "broken = tests_search_stubborn:not_a_sampler\n"
        "randomly = parefront.search.registry:random\n"
    )
    context = context_of(SyntheticEvaluator(), tmp_path)
    assert {"randomly", "broken", *SAMPLERS} <= set(sampler_names())
    assert isinstance(make_sampler("randomly", context), optuna.samplers.BaseSampler)
    with pytest.raises(ConfigError, match=r"expected an optuna\.samplers\.BaseSampler, got int"):
        make_sampler("broken", context)


def test_auto_keeps_a_budget_on_what_is_no_objective(tmp_path: Path) -> None:
    evaluator = SyntheticEvaluator(blocks=6)
    run = Run.create(tmp_path / "run", {"budget": ["size <= 0.7x"], "search": {"trials": 40}})
    search(run, evaluator)
    late = [record.candidate for record in run.trials[20:] if record.candidate]
    met = [c for c in late if run.settings.budgets[0].met(c, run.baseline)]
    assert len(met) > len(late) / 2
