"""Budgets on what is no objective: read from what trials missed them by, and searches that keep them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from parefront.evaluators.results.budget import Budget
from parefront.evaluators.results.metrics import minimised
from parefront.search.controller import search
from parefront.search.runs.run import Run
from parefront.search.runs.studies.history import Tried
from parefront.search.samplers.constraints import Watched
from parefront.spaces.policy import Policy

from ...conftest import MakeCandidate
from ..synthetic import ACCURACY, SyntheticEvaluator


@pytest.mark.parametrize("text", ["size <= 0.4x", "size <= 300B", "latency <= 1.2ms"])
def test_a_cost_is_what_its_violation_says(text: str, make_candidate: MakeCandidate) -> None:
    budget = Budget.parse(text)
    baseline = make_candidate(accuracy=0.9, latency_ms=2.0, latency_ratio=1.0, size_bytes=1000.0)
    candidate = make_candidate(1, accuracy=0.8, latency_ms=1.4, latency_ratio=0.7, size_bytes=700.0)
    assert budget.value_at(budget.violation(candidate, baseline), baseline) == pytest.approx(0.7)
    assert budget.value_at(0.0, baseline) == pytest.approx(budget.share_of(baseline))


@pytest.mark.parametrize("text", ["accuracy >= -1.0pt", "accuracy >= 0.85"])
def test_an_accuracy_is_what_its_violation_says(text: str, make_candidate: MakeCandidate) -> None:
    budget, baseline = Budget.parse(text), make_candidate(accuracy=0.9, latency_ratio=1.0)
    candidate = make_candidate(1, accuracy=0.82, latency_ratio=0.7)
    value = budget.value_at(budget.violation(candidate, baseline), baseline)
    assert value == pytest.approx(minimised(candidate, "accuracy")) == pytest.approx(-0.82)
    assert budget.value_at(0.0, baseline) == pytest.approx(-0.89 if budget.relative else -0.85)


def test_the_tightest_budget_on_each_other_metric_is_watched(make_candidate: MakeCandidate) -> None:
    baseline = make_candidate(accuracy=0.9, latency_ms=2.0, latency_ratio=1.0, size_bytes=1000.0)
    texts = ("size <= 0.5x", "size <= 300B", "latency <= 0.5x", "accuracy >= -1.0pt")
    budgets = tuple(map(Budget.parse, texts))
    watched = Watched(budgets, ("latency", "macs"), baseline)
    assert set(watched.keys) == {"size_bytes", "accuracy"}
    assert watched.keys[watched.quality or 0] == "accuracy"
    assert sorted(watched.bounds) == pytest.approx([-0.89, 0.3])
    missed = {budget.text: budget.violation(baseline, baseline) for budget in budgets}
    beside = watched.beside(Tried({}, Policy().digest, (1.0, 1.0), 0.0, missed=missed))
    assert dict(zip(watched.keys, beside.costs[2:], strict=True)) == pytest.approx(
        {"size_bytes": 1.0, "accuracy": -0.9}
    )


def test_predictions_meet_a_bound_as_often_as_draws_do(make_candidate: MakeCandidate) -> None:
    baseline = make_candidate(accuracy=0.9, latency_ratio=1.0, size_bytes=1000.0)
    watched = Watched([Budget.parse("size <= 0.5x")], ("accuracy", "latency"), baseline)
    means, deviations = np.array([[0.45], [0.5], [0.9]]), np.array([[0.05], [0.1], [0.05]])
    draws = np.random.default_rng(0).normal(means, deviations, size=(20_000, 3, 1))
    assert watched.met(means, deviations) == pytest.approx((draws[:, :, 0] <= 0.5).mean(axis=0), abs=0.01)


def test_auto_keeps_a_budget_on_accuracy_where_that_is_no_objective(tmp_path: Path) -> None:
    evaluator = SyntheticEvaluator(blocks=6)
    config = {"objectives": ["latency", "size"], "budget": ["accuracy >= -1.0pt"], "search": {"trials": 60}}
    run = Run.create(tmp_path / "run", config)
    search(run, evaluator)
    late = [record.candidate for record in run.trials[20:] if record.candidate]
    met = [c for c in late if run.settings.budgets[0].met(c, run.baseline)]
    assert len(met) > len(late) / 2
    best = run.front.select("accuracy >= -1.0pt", by="latency")
    assert evaluator.exact(best.policy)[0] >= ACCURACY - 0.01
    assert evaluator.exact(best.policy)[1] < 0.45


def test_auto_improves_within_a_budget_though_better_ones_miss_it(tmp_path: Path) -> None:
    """Here what saves bytes saves no time: the front without the budget says nothing of the one within it."""
    evaluator = SyntheticEvaluator(blocks=6, width_saves=False)
    run = Run.create(tmp_path / "run", {"budget": ["size <= 0.7x"], "search": {"trials": 60}})
    search(run, evaluator)
    late = [record.candidate for record in run.trials[20:] if record.candidate]
    met = [c for c in late if run.settings.budgets[0].met(c, run.baseline)]
    assert len(met) > len(late) / 2
    assert evaluator.exact(run.front.select("size <= 0.7x", "latency <= 0.4x").policy)[0] > ACCURACY - 0.03
