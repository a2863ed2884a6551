"""Half of what chance leaves: below it a candidate is of no use, and is neither chosen nor asked for."""

from __future__ import annotations

import dataclasses

import pytest

from parefront.evaluators.results.budget import Budget
from parefront.evaluators.results.candidate import Candidate
from parefront.evaluators.results.fronts.floor import Floor
from parefront.evaluators.results.fronts.front import Front
from parefront.evaluators.results.metric import ACCURACY, FRACTION, Metric, score

from ....conftest import MakeCandidate

OBJECTIVES = ("accuracy", "latency")


@pytest.fixture
def baseline(make_candidate: MakeCandidate) -> Candidate:
    return make_candidate(accuracy=0.7, latency_ratio=1.0)


@pytest.fixture
def front(make_candidate: MakeCandidate, baseline: Candidate) -> Front:
    """On a thousand classes: one that is as good, one that lost a third, one that guesses."""
    numbers = [(0.7, 0.6), (0.47, 0.3), (0.002, 0.1)]
    made = [make_candidate(i, accuracy=a, latency_ratio=t) for i, (a, t) in enumerate(numbers)]
    return Front.of(made, OBJECTIVES, baseline, chance=0.001)


@pytest.mark.parametrize(
    ("metric", "uncompressed", "chance", "floor"),
    [
        (ACCURACY, 0.7, 0.001, 0.3505),
        (ACCURACY, 0.9, 0.5, 0.7),
        (ACCURACY, 0.9, 0.0, 0.45),
        (score("error_rate", higher_is_better=False, unit=FRACTION), 0.2, 0.0, 0.6),
        (score("psnr", higher_is_better=True), 30.0, 0.0, 15.0),
        (score("log_likelihood", higher_is_better=True), -2.0, 0.0, -2.2),
        (score("mean_squared_error", higher_is_better=False), 0.03, 0.0, 0.06),
    ],
)
def test_the_floor_is_halfway_to_guessing(metric: Metric, uncompressed: float, chance: float, floor: float) -> None:
    assert Floor.of(metric, uncompressed, chance).value == pytest.approx(floor)


def test_what_guesses_stays_on_the_front_but_is_not_chosen(front: Front) -> None:
    assert [c.trial for c in front] == [0, 1, 2]
    assert [front.is_useful(c) for c in front] == [True, True, False]
    assert front.select(by="latency").trial == 1
    assert front.select("latency <= 0.2x").trial == 2, "where nothing else fits"


def test_a_budget_on_the_quality_is_the_users_own_floor(front: Front) -> None:
    strict = dataclasses.replace(front, budgets=(Budget.parse("accuracy >= 0.6"),))
    assert [c.trial for c in strict.useful] == [0]
    lenient = dataclasses.replace(front, budgets=(Budget.parse("accuracy >= 0.001"),))
    assert lenient.floor is None
    assert lenient.select(by="latency").trial == 2
