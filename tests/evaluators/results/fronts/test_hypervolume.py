"""The hypervolume equals moocore's on random fronts, whatever is in them."""

from __future__ import annotations

import moocore
import numpy as np
import pytest
from numpy.typing import NDArray

from parefront.evaluators.results.fronts.hypervolume import hypervolume

COUNTS = {2: (1, 2, 3, 5, 10, 40, 150), 3: (1, 2, 3, 5, 10, 40, 150), 4: (1, 2, 5, 20, 60), 6: (1, 3, 12, 25)}
"""Points of a front, by the number of objectives."""


def fronts(objectives: int) -> list[NDArray[np.float64]]:
    generator = np.random.default_rng(objectives)
    return [generator.random((count, objectives)) * 1.2 for count in COUNTS[objectives] for _ in range(8)]


@pytest.mark.parametrize("objectives", [2, 3, 4, 6])
def test_equals_moocore(objectives: int) -> None:
    for points in fronts(objectives):
        reference = np.ones(objectives)
        assert hypervolume(points, reference) == pytest.approx(moocore.hypervolume(points, ref=reference), abs=1e-12)


@pytest.mark.parametrize("objectives", [2, 3, 4, 6])
def test_equals_moocore_on_duplicates_and_ties(objectives: int) -> None:
    for points in fronts(objectives):
        coarse = np.round(points * 4) / 4
        repeated = np.concatenate([coarse, coarse[: len(coarse) // 2 + 1]])
        reference = np.ones(objectives)
        expected = moocore.hypervolume(repeated, ref=reference)
        assert hypervolume(repeated, reference) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("objectives", [2, 3, 4, 6])
def test_does_not_depend_on_order_and_ignores_dominated_points(objectives: int) -> None:
    points = np.random.default_rng(0).random((30, objectives))
    volume = hypervolume(points, np.ones(objectives))
    assert hypervolume(points[::-1], np.ones(objectives)) == pytest.approx(volume)
    worse = np.concatenate([points, points + 0.01])
    assert hypervolume(worse, np.ones(objectives)) == pytest.approx(volume)


def test_a_point_on_or_beyond_the_reference_adds_nothing() -> None:
    assert hypervolume([[1.0, 0.2], [0.2, 1.0], [2.0, 2.0]], [1.0, 1.0]) == 0.0
    assert hypervolume([[0.5, 0.5], [0.1, 3.0]], [1.0, 1.0]) == pytest.approx(0.25)


def test_an_empty_front_has_none() -> None:
    assert hypervolume(np.empty((0, 2)), [1.0, 1.0]) == 0.0
    assert hypervolume([], [1.0, 1.0, 1.0]) == 0.0


def test_negative_coordinates() -> None:
    assert hypervolume([[-3.0, -2.0, -1.0]], [0.0, 0.0, 0.0]) == pytest.approx(6.0)


def test_a_single_objective_is_refused() -> None:
    with pytest.raises(ValueError, match="expected 2 or more objectives, got 1"):
        hypervolume(np.zeros((2, 1)), np.ones(1))


def test_numbers_that_are_not_finite_are_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        hypervolume([[float("nan"), 0.0]], [1.0, 1.0])
