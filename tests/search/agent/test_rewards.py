"""Rewards against sums by hand."""

from __future__ import annotations

import math

import pytest

from parefront.evaluators.results.metric import score
from parefront.search.agent.rewards import REWARDS, Scores, scores

NAMES = ("accuracy", "latency")


def test_error_is_what_is_not_right() -> None:
    given = scores((-0.9, 0.5), (-0.93, 1.0), NAMES, 0, 1, 0.6)
    assert given.error == pytest.approx(0.1)
    assert (given.cost, given.budget) == (0.5, 0.6)
    assert REWARDS["error"](given) == pytest.approx(-0.1)


def test_error_log_cost_prefers_the_cheaper_and_the_more_accurate() -> None:
    reward = REWARDS["error_log_cost"]
    assert reward(Scores(0.1, 0.5, 1.0)) == pytest.approx(-0.1 * math.log(500))
    assert reward(Scores(0.1, 0.25, 1.0)) > reward(Scores(0.1, 0.5, 1.0)) > reward(Scores(0.2, 0.5, 1.0))
    assert reward(Scores(0.1, 1e-6, 1.0)) < 0, "an error never pays, however cheap"


def test_the_hinge_costs_nothing_within_the_budget() -> None:
    reward = REWARDS["hinge"]
    assert reward(Scores(0.1, 0.3, 0.5)) == reward(Scores(0.1, 0.5, 0.5)) == pytest.approx(0.9)
    assert reward(Scores(0.1, 0.55, 0.5)) == pytest.approx(0.9 - 3 * 0.1)


def test_a_quality_beyond_one_counts_by_the_share_that_is_lost() -> None:
    assert scores((-27.0, 0.5), (-30.0, 1.0), NAMES, 0, 1, 0.6).error == pytest.approx(0.1)


def test_a_quality_that_is_an_error_already_counts_as_a_share_of_the_uncompressed_models() -> None:
    names = (score("mean_squared_error", higher_is_better=False), "latency")
    assert scores((0.06, 0.5), (0.04, 1.0), names, 0, 1, 0.6).error == pytest.approx(1.5)


def test_without_a_quality_the_first_cost_takes_its_place() -> None:
    assert scores((0.4, 150.0), (1.0, 300.0), ("latency", "size"), 0, 1, 0.6) == Scores(0.4, 0.5, 0.6)
