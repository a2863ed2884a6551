"""Three members to begin with, each named once, with what is as good within the noise."""

from __future__ import annotations

from dataclasses import replace

import pytest

from parefront.evaluators.results.budget import Budget
from parefront.evaluators.results.candidate import Candidate
from parefront.evaluators.results.fronts.front import Front
from parefront.evaluators.results.fronts.picks import picks
from parefront.evaluators.results.measurement import Measurement
from parefront.spaces.policy import Policy


def candidate(trial: int | None, accuracy: float, latency: float, error: float = 0.004) -> Candidate:
    change = accuracy - 0.93
    return Candidate(
        Policy({"quantize/a": trial} if trial is not None else {}),
        {
            "accuracy": Measurement(accuracy, accuracy - 0.01, accuracy + 0.01, 2000, "fraction"),
            "accuracy_change": Measurement(change, change - error, change + error, 2000, "fraction"),
            "latency_ratio": Measurement(latency, 0.98 * latency, 1.02 * latency, 64, "x"),
        },
        trial=trial,
    )


@pytest.fixture
def front() -> Front:
    numbers = [(0.931, 0.9), (0.928, 0.7), (0.92, 0.4), (0.87, 0.36), (0.80, 0.31), (0.798, 0.305)]
    members = [candidate(trial, *pair) for trial, pair in enumerate(numbers)]
    return Front.of(members, ("accuracy", "latency"), candidate(None, 0.93, 1.0), chance=0.1)


def named(front: Front) -> dict[str, tuple[int | None, list[int | None]]]:
    return {" ".join(p.names): (p.candidate.trial, [tie.trial for tie in p.ties]) for p in picks(front)}


def test_the_safe_one_the_knee_and_the_fastest_are_picked(front: Front) -> None:
    assert named(front) == {"safe": (1, []), "knee": (2, []), "fastest": (5, [4])}


def test_where_none_is_as_good_the_safe_one_is_the_best(front: Front) -> None:
    worse = replace(front, candidates=front.candidates[2:])
    assert named(worse)["safe"] == (2, [])


def test_picks_are_within_the_budgets_of_the_run(front: Front) -> None:
    bounded = replace(front, budgets=(Budget.parse("latency <= 0.38x"), Budget.parse("accuracy >= -10pt")))
    assert {p.candidate.trial for p in picks(bounded)} == {3}
    assert picks(bounded)[0].names == ("safe", "knee", "fastest")


def test_what_is_of_no_use_is_not_picked(front: Front) -> None:
    guessing = front.adding(candidate(9, 0.11, 0.05))
    assert guessing[-1].trial == 9
    assert named(guessing) == named(front)


def test_by_another_cost_the_cheapest_is_called_otherwise(front: Front) -> None:
    def sized(member: Candidate) -> Candidate:
        size = Measurement.exact(1000.0 - (member.trial or 0), "bytes")
        return replace(member, metrics={**member.metrics, "size_bytes": size})

    by_size = Front.of(map(sized, front), ("accuracy", "size"), sized(front.baseline))
    assert "smallest" in picks(by_size)[-1].names


def test_an_empty_front_has_none(front: Front) -> None:
    assert picks(replace(front, candidates=())) == ()


def test_the_safe_one_is_as_good_on_the_test_split_too(front: Front) -> None:
    change = Measurement(-0.011, -0.014, -0.008, 9000, "fraction")
    refuted = replace(front[1], metrics={**front[1].metrics, "test_accuracy_change": change})
    assert named(replace(front, candidates=(front[0], refuted, *front.candidates[2:])))["safe"] == (0, [])


def test_ties_of_the_fastest_cost_the_same_and_need_not_be_as_good(front: Front) -> None:
    assert {pick.names[-1]: pick.ties_in_quality for pick in picks(front)}["fastest"] is False
    assert picks(front)[0].ties_in_quality
