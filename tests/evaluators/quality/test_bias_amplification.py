"""Bias amplification: by hand, planted, and as rarely told as it should be where there is none."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from parefront.evaluators.quality.bias_amplification import amplification_of

Integers = NDArray[np.int64]


def two_classes(n: int, seed: int) -> tuple[Integers, NDArray[np.str_]]:
    """Labels of two classes, of which one is mostly of subgroup a and the other mostly of subgroup b."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 2, n)
    in_a = generator.random(n) < np.where(labels == 0, 0.7, 0.3)
    return labels, np.where(in_a, "a", "b")


def with_errors(labels: Integers, rate: NDArray[np.float64] | float, seed: int) -> Integers:
    return np.where(np.random.default_rng(seed).random(len(labels)) < rate, 1 - labels, labels)


def test_it_is_the_formula_of_zhao() -> None:
    """Of class 0 three of four are of a, and all that the model calls so; of class 1 half of what it calls so is b."""
    labels = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    names = np.array(["a", "a", "a", "b", "b", "b", "b", "a"])
    answers = np.array([0, 0, 1, 1, 1, 1, 1, 1])
    found = amplification_of(answers, labels, labels, names)
    assert found is not None
    assert found.before.value == 0.0
    assert found.after.value == pytest.approx(((1 - 3 / 4) + (4 / 6 - 3 / 4)) / 2)
    assert found.change.value == found.after.value


def test_a_planted_lean_is_told_from_noise() -> None:
    """The compressed model calls samples what is frequent in their subgroup."""
    labels, names = two_classes(2000, 0)
    frequent = np.where(names == "a", 0, 1)
    before = with_errors(labels, 0.05, 1)
    after = np.where(np.random.default_rng(2).random(2000) < 0.15, frequent, before)
    found = amplification_of(after, before, labels, names)
    assert found is not None
    assert found.change.low > 0
    assert found.change.value == pytest.approx(found.after.value - found.before.value)


def test_where_none_is_planted_the_interval_holds_zero_nineteen_times_of_twenty() -> None:
    """Both models err alike, in other samples."""
    told = 0
    for seed in range(60):
        labels, names = two_classes(800, seed)
        found = amplification_of(
            with_errors(labels, 0.1, 1000 + seed), with_errors(labels, 0.1, 2000 + seed), labels, names
        )
        assert found is not None
        told += not found.change.low <= 0 <= found.change.high
    assert told <= 8


def test_a_class_that_is_never_answered_is_no_shift() -> None:
    labels, names = two_classes(100, 0)
    found = amplification_of(np.zeros_like(labels), labels, labels, names)
    assert found is not None
    assert np.isfinite(found.change.value)


def test_one_subgroup_has_nothing_to_lean_to() -> None:
    labels, _ = two_classes(50, 0)
    assert amplification_of(labels, labels, labels, np.array(["a"] * 50)) is None


def test_answers_that_are_all_right_leave_open_what_so_few_samples_can_tell() -> None:
    labels, groups = np.arange(40) % 2, np.array(["a", "b", "a", "a"] * 10)
    found = amplification_of(labels, labels, labels, groups)
    assert found is not None
    assert found.change.value == 0
    assert found.change.high == -found.change.low > 0.05
