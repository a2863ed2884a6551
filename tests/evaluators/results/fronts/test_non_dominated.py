"""Dominance among points, against moocore."""

from __future__ import annotations

import moocore
import numpy as np
import pytest

from parefront.evaluators.results.fronts.non_dominated import non_dominated, undominated


@pytest.mark.parametrize("objectives", [2, 3, 5])
def test_members_equal_moocores(objectives: int) -> None:
    for seed in range(20):
        points = np.random.default_rng(seed).integers(0, 7, (50, objectives)) / 7
        assert non_dominated(points).tolist() == moocore.is_nondominated(points, keep_weakly=False).tolist()
        assert undominated(points).tolist() == moocore.is_nondominated(points, keep_weakly=True).tolist()


def test_no_points_have_no_members() -> None:
    assert non_dominated(np.zeros((0, 2))).shape == (0,)


def test_of_equal_points_the_first_is_the_member() -> None:
    points = np.array([[2.0, 2.0], [1.0, 1.0], [1.0, 1.0]])
    assert non_dominated(points).tolist() == [False, True, False]
    assert undominated(points).tolist() == [False, True, True]
