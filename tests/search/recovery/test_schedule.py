"""A minute goes where the front's hypervolume is expected to grow most by it."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from parefront.search.recovery.schedule import Standing, Turn, equal_turn, next_turn

LEAST = 3.0
CORNER = (0.2, 1.0)
"""Twenty points of loss, and the uncompressed model's latency."""


def member(trial: int, latency: float, loss: float, *gains: float) -> Standing:
    left = loss - sum(max(0.0, gain) for gain in gains)
    return Standing(trial, (left, latency), loss, 0.005, LEAST, gains)


def turn(members: list[Standing], budget: float = 600.0, spent: float = 0.0) -> Turn | None:
    return next_turn(members, 0, CORNER, budget, spent)


def test_first_rounds_go_from_those_that_lack_little_to_those_that_lack_much() -> None:
    members = [member(1, 0.2, 0.15), member(2, 0.5, 0.01), member(3, 0.3, 0.06)]
    order = []
    while (got := turn(members)) is not None and not members[got.trial - 1].gains:
        order.append(got.trial)
        before = members[got.trial - 1]
        members[got.trial - 1] = member(got.trial, before.costs[1], before.loss, 0.9 * before.loss)
    assert order == [2, 3, 1]


def test_of_those_that_are_alike_one_is_trained_before_the_others() -> None:
    alike = [member(n, 0.3 + 0.001 * n, 0.1 - 0.001 * n) for n in range(1, 6)]
    members = [member(6, 0.6, 0.02), *alike, member(7, 0.1, 0.16)]
    order: list[int] = []
    while (got := turn(members)) is not None and got.trial not in order:
        order.append(got.trial)
        at = next(i for i, m in enumerate(members) if m.trial == got.trial)
        members[at] = member(got.trial, members[at].costs[1], members[at].loss, 0.8 * members[at].loss)
    assert order[0] == 6
    assert order[2] == 7  # one of five is between them


def test_the_one_that_adds_most_is_trained_first_where_there_is_no_time_for_all() -> None:
    members = [replace(member(1, 0.5, 0.01), least=20.0), replace(member(2, 0.3, 0.06), least=20.0)]
    got = turn(members, budget=30.0)
    assert got is not None
    assert got.trial == 2


def test_all_get_a_first_round_of_like_length_then_rounds_double() -> None:
    members = [member(n, 0.1 * n, 0.2 - 0.03 * n) for n in range(1, 7)]
    seen: dict[int, list[float]] = {}
    spent = 0.0
    while (got := turn(members, spent=spent)) is not None:
        seen.setdefault(got.trial, []).append(got.seconds)
        spent += got.seconds
        at = next(i for i, m in enumerate(members) if m.trial == got.trial)
        gained = (*members[at].gains, 0.6 * (members[at].loss - sum(members[at].gains)))
        members[at] = member(got.trial, members[at].costs[1], members[at].loss, *gained)
    assert spent == pytest.approx(600.0)
    assert set(seen) == {1, 2, 3, 4, 5, 6}
    assert {round(rounds[0]) for rounds in seen.values()} == {60, 50}  # for one that is left out at first, a sixth
    pairs = [pair for rounds in seen.values() for pair in itertools.pairwise(rounds)]
    assert sum(b == pytest.approx(2 * a) for a, b in pairs) >= len(pairs) - 1  # the last one takes what is left


def test_what_is_of_no_use_yet_gets_its_first_round_before_the_second_one_of_others() -> None:
    beyond_the_corner = member(1, 0.1, 0.9)
    got = turn([beyond_the_corner, member(2, 0.3, 0.1, 0.05)])
    assert got is not None
    assert got.trial == 1


def test_who_has_gained_nothing_waits_for_who_gains() -> None:
    members = [member(1, 0.3, 0.05, 0.0), member(2, 0.35, 0.05, 0.03)]
    got = turn(members)
    assert got is not None
    assert got.trial == 2


def test_no_more_is_expected_of_a_later_round_than_a_part_of_what_is_left() -> None:
    """However much the first one has gained: who stood at a fifth of the images is not at the teacher's after two."""
    assert member(1, 0.04, 0.75, 0.61).expected == pytest.approx(0.4 * 0.14)
    assert member(1, 0.04, 0.75, 0.3).expected == pytest.approx(0.25 * 0.3)


def test_nothing_is_begun_for_which_there_is_no_time() -> None:
    one = [member(1, 0.3, 0.05)]
    assert turn(one, budget=100.0, spent=98.0) is None
    assert turn([]) is None
    assert turn([member(1, 0.3, 0.0)]) is None
    last = turn(one, budget=100.0, spent=95.0)
    assert last is not None
    assert last.seconds == pytest.approx(5.0)


def test_a_round_is_long_enough_for_its_member_and_who_costs_more_waits() -> None:
    both = [replace(member(1, 0.3, 0.1), least=20.0), replace(member(2, 0.35, 0.09), least=8.0)]
    got = turn(both, budget=27.0)
    assert got is not None
    assert got.trial == 2
    assert got.seconds >= 8.0
    assert turn([replace(member(1, 0.3, 0.05), least=40.0)], budget=30.0) is None


def test_a_larger_budget_goes_on_from_where_they_are() -> None:
    trained = [member(n, 0.1 * n, 0.15, 0.06, 0.03) for n in range(1, 4)]
    assert turn(trained, budget=60.0, spent=60.0) is None
    got = turn(trained, budget=1800.0, spent=60.0)
    assert got is not None
    assert got.seconds > 100


def test_where_all_are_trained_each_gets_its_share_once_and_what_a_larger_budget_adds() -> None:
    assert equal_turn({1: 0.0, 2: 0.0}, 120.0) == Turn(1, 60.0)
    assert equal_turn({1: 55.0, 2: 0.0}, 120.0) == Turn(2, 60.0)
    assert equal_turn({1: 55.0, 2: 62.0}, 120.0) is None
    assert equal_turn({1: 55.0, 2: 62.0}, 240.0) == Turn(1, 65.0)
    assert equal_turn({}, 120.0) is None
