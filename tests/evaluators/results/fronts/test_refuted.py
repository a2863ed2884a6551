"""What the search split alone would choose, and the test split contradicts, is named with both numbers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from parefront.evaluators.results.budget import Budget
from parefront.evaluators.results.candidate import Candidate
from parefront.evaluators.results.errors import NoCandidate
from parefront.evaluators.results.fronts.front import Front
from parefront.evaluators.results.fronts.refuted import contradiction, refuted
from parefront.evaluators.results.measurement import Measurement
from parefront.spaces.policy import Policy


def member(trial: int | None, search: float, test: float, latency: float) -> Candidate:
    """Accuracies relative to the uncompressed model's, which is 93 % on both splits."""
    values = {"accuracy": 0.93 + search, "accuracy_change": search, "test_accuracy_change": test}
    metrics = {key: Measurement(value, value - 0.003, value + 0.003, 2000, "fraction") for key, value in values.items()}
    metrics["latency_ratio"] = Measurement(latency, latency, latency, 64, "x")
    return Candidate(Policy({"quantize/a": trial} if trial is not None else {}), metrics, trial=trial)


@pytest.fixture
def front() -> Front:
    members = [member(1, -0.001, -0.001, 0.6), member(2, -0.004, -0.011, 0.3), member(3, -0.03, -0.02, 0.2)]
    return Front.of(members, ("accuracy", "latency"), member(None, 0, 0, 1.0))


def test_the_choice_holds_on_the_test_split_and_the_other_one_is_named(front: Front) -> None:
    assert front.select("accuracy >= -0.5pt").trial == 1
    assert refuted(front, "accuracy >= -0.5pt") is front[1]
    assert contradiction(front, "accuracy >= -0.5pt") == (
        "trial 2 holds on the search split alone: accuracy -0.40 pt, -1.10 pt on the test split (needs -0.50 pt)"
    )


def test_nothing_is_said_where_both_splits_agree(front: Front) -> None:
    assert contradiction(front, "accuracy >= -2pt") == ""
    assert contradiction(front, "latency <= 0.5x") == ""


def test_where_only_the_search_split_keeps_a_promise_none_is_chosen(front: Front) -> None:
    only = Front.of(front.candidates[1:], ("accuracy", "latency"), front.baseline)
    with pytest.raises(NoCandidate, match=r"-1\.10 pt on the test split"):
        only.select("accuracy >= -0.5pt")
    assert refuted(only, "accuracy >= -0.5pt") is front[1]


def test_what_the_test_split_contradicts_stays_a_member_by_which_it_is_named() -> None:
    """It is dominated, and a member as the best that fits: what the search has chosen by the search split."""
    large, small = member(1, -0.001, -0.001, 0.3), member(2, -0.004, -0.04, 0.4)
    sizes = {1: 2000.0, 2: 400.0}
    members = [
        replace(c, metrics={**c.metrics, "size_bytes": Measurement.exact(sizes[c.trial or 0], "bytes")})
        for c in (large, small)
    ]
    budgets = [Budget.parse("accuracy >= -1pt"), Budget.parse("size <= 0.5KB")]
    front = Front.of(members, ("accuracy", "latency"), member(None, 0, 0, 1.0), budgets)
    grown = Front.of([], ("accuracy", "latency"), front.baseline, budgets).adding(members[0]).adding(members[1])
    assert [c.trial for c in front] == [c.trial for c in grown] == [1, 2]
    with pytest.raises(NoCandidate, match=r"-4\.00 pt on the test split"):
        front.select()
    assert contradiction(front).startswith("trial 2 holds on the search split alone: accuracy -0.40 pt, -4.00 pt")
