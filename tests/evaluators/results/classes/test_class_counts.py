"""What a candidate changes in each class: counts, paired intervals, and which class is hit harder than the others."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy.stats import hypergeom

from parefront.evaluators.results.classes.class_counts import LEVEL, ClassCount, chances, counted_by_class
from parefront.evaluators.results.measurement import paired_difference

CLASSES, IMAGES = 10, 2000


def drawn(seed: int, lost: float, planted: float | None = None) -> tuple[ClassCount, ...]:
    """A test split of which a share is lost at random, and of class 3 where it is ``planted`` another one."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, CLASSES, IMAGES)
    before = generator.random(IMAGES) < 0.9
    share = np.where((labels == 3) & (planted is not None), planted or 0.0, lost)
    after = np.where(before, generator.random(IMAGES) >= share, generator.random(IMAGES) < 0.1)
    return counted_by_class(labels, after, before)


def named(counts: tuple[ClassCount, ...]) -> list[int | str]:
    return [one.label for one, chance in zip(counts, chances(counts), strict=True) if chance < LEVEL]


def test_every_image_is_counted_in_its_class() -> None:
    labels = np.array([1, 0, 1, 1, 0])
    before, after = np.array([1, 1, 1, 0, 0], bool), np.array([1, 0, 0, 1, 0], bool)
    counts = counted_by_class(labels, after, before)

    assert counts == (ClassCount(0, 2, 1, 1, 0), ClassCount(1, 3, 2, 1, 1))
    assert [one.after for one in counts] == [0, 2]


def test_the_change_of_a_class_is_the_paired_one() -> None:
    generator = np.random.default_rng(0)
    before, after = generator.random(300) < 0.9, generator.random(300) < 0.8
    (count,) = counted_by_class(np.zeros(300, dtype=np.int64), after, before)

    assert count.change == paired_difference(after, before)


def test_chances_without_gains_are_the_hypergeometric_tail() -> None:
    counts = (ClassCount(0, 40, 40, 9, 0), ClassCount(1, 60, 60, 4, 0))
    raw = [float(hypergeom.sf(one.lost - 1, 100, 13, one.n)) for one in counts]

    assert chances(counts) == pytest.approx((2 * raw[0], max(2 * raw[0], raw[1])))


def test_chances_are_those_of_all_ways_to_share_out_losses_and_gains() -> None:
    counts = (ClassCount(0, 4, 3, 2, 0), ClassCount(1, 5, 3, 1, 2))
    outcomes = [-1] * 3 + [1] * 2 + [0] * 4
    sums = [sum(chosen) for chosen in itertools.combinations(outcomes, 4)]
    exact = sum(total <= -2 for total in sums) / math.comb(9, 4)

    assert chances(counts)[0] == pytest.approx(2 * exact)


def test_planted_damage_is_named_and_nothing_else() -> None:
    found = [named(drawn(seed, 0.02, planted=0.2)) for seed in range(20)]

    assert all(labels[:1] == [3] for labels in found)
    assert sum(labels != [3] for labels in found) <= 3


def test_without_damage_to_one_class_none_is_named() -> None:
    wrong = sum(bool(named(drawn(seed, 0.05))) for seed in range(20))

    assert wrong <= 2, "5 % of all runs are allowed to"


def test_the_stated_rate_of_errors_holds_over_many_seeds() -> None:
    wrong = sum(bool(named(drawn(seed, 0.03))) for seed in range(400))

    assert wrong / 400 <= LEVEL + 2 * math.sqrt(LEVEL * (1 - LEVEL) / 400)


def test_no_classes_have_no_chances() -> None:
    assert chances(()) == ()
    assert chances((ClassCount(7, 5, 5, 0, 0),)) == (1.0,)
