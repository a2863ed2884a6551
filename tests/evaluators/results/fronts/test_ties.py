"""What differs by less than the noise on every split is a tie, and the cheapest of ties is named."""

from __future__ import annotations

import pytest

from parefront.evaluators.results.budget import Budget
from parefront.evaluators.results.candidate import Candidate
from parefront.evaluators.results.fronts.front import Front
from parefront.evaluators.results.fronts.ties import alike, cheaper_tie
from parefront.evaluators.results.measurement import Measurement
from parefront.evaluators.results.metric import ACCURACY, LATENCY
from parefront.spaces.policy import Policy


def member(trial: int | None, change: float, test: float, latency: float) -> Candidate:
    """Known to 0.3 points on the search split and to 0.1 on the test split."""
    metrics = {
        "accuracy": Measurement(0.93 + change, 0.92 + change, 0.94 + change, 2000, "fraction"),
        "accuracy_change": Measurement(change, change - 0.003, change + 0.003, 2000, "fraction"),
        "test_accuracy_change": Measurement(test, test - 0.001, test + 0.001, 9000, "fraction"),
        "latency_ratio": Measurement(latency, 0.97 * latency, 1.03 * latency, 64, "x"),
    }
    return Candidate(Policy({"quantize/a": trial} if trial is not None else {}), metrics, trial=trial)


@pytest.fixture
def front() -> Front:
    members = [
        member(0, 0.0, 0.0, 0.45),
        member(1, -0.001, 0.0, 0.44),
        member(2, -0.002, -0.001, 0.30),
        member(3, -0.004, -0.0013, 0.20),
        member(4, -0.005, -0.009, 0.10),
    ]
    return Front.of(members, ("accuracy", "latency"), member(None, 0, 0, 1.0))


def test_the_cheapest_that_is_as_good_on_both_splits_is_named(front: Front) -> None:
    chosen = front.select("latency <= 0.5x")
    assert chosen.trial == 0
    assert alike(front[4], chosen, ACCURACY) is False
    cheaper = cheaper_tie(front, chosen)
    assert cheaper is not None
    assert cheaper.trial == 2, "trial 3 is tied with it, and worse than the uncompressed model beyond the noise"


def test_what_is_worse_than_the_uncompressed_model_may_be_tied_with_what_is_so_too(front: Front) -> None:
    worse = [member(1, -0.0019, -0.0012, 0.4), member(2, -0.002, -0.002, 0.2)]
    two = Front.of(worse, ("accuracy", "latency"), front.baseline)
    cheaper = cheaper_tie(two, two[0])
    assert cheaper is not None
    assert cheaper.trial == 2


def test_a_difference_may_be_told_though_both_intervals_overlap() -> None:
    exact, vague = member(0, 0.0, 0.0, 0.4), member(1, 0.0, -0.0019, 0.3)
    assert exact.metrics["test_accuracy_change"].overlaps(vague.metrics["test_accuracy_change"])
    assert not alike(exact, vague, ACCURACY)


def test_what_is_cheaper_by_less_than_the_noise_is_not(front: Front) -> None:
    two = Front.of(front.candidates[:2], ("accuracy", "latency"), front.baseline)
    assert cheaper_tie(two, two[0]) is None


def test_it_is_within_the_budgets(front: Front) -> None:
    cheaper = cheaper_tie(front, front[0], [Budget.parse("accuracy >= -0.3pt")])
    assert cheaper is not None
    assert cheaper.trial == 2


def test_without_a_cost_there_is_none(front: Front) -> None:
    assert cheaper_tie(Front.of(front, ("accuracy",), front.baseline), front[0]) is None


def test_costs_that_were_measured_through_one_anchor_differ_where_their_own_errors_tell_it() -> None:
    anchor = Measurement(0.4, 0.3, 0.5, 30, "x")

    def through(trial: int, ratio: float, name: str) -> Candidate:
        timed = Measurement(ratio, 0.98 * ratio, 1.02 * ratio, 20, "x").through(anchor, name, "x")
        return Candidate(Policy({"quantize/a": trial}), {"latency_ratio": timed}, trial=trial)

    assert not alike(through(0, 0.9, "int8"), through(1, 0.7, "int8"), LATENCY)
    assert alike(through(0, 0.9, "int8"), through(1, 0.7, "float"), LATENCY)
