"""Expected improvement against hypervolumes counted one by one."""

from __future__ import annotations

import numpy as np
import pytest

from parefront.evaluators.results.hypervolume import hypervolume
from parefront.search.surrogate.expected_hypervolume import expected_improvement

FRONT = np.array([[0.2, 0.8], [0.4, 0.5], [0.5, 0.6], [0.7, 0.1], [1.5, 0.0]])
CORNER = np.array([1.0, 1.0])


def test_without_uncertainty_it_is_the_hypervolume_that_is_added() -> None:
    points = np.random.default_rng(0).uniform(0, 1.1, (50, 2))
    got = expected_improvement(FRONT, points, np.zeros_like(points), CORNER, np.zeros((1, 2)))
    known = hypervolume(FRONT, CORNER)
    wanted = [hypervolume(np.vstack([FRONT, point]), CORNER) - known for point in points]
    np.testing.assert_allclose(got, wanted, atol=1e-12)


def test_with_uncertainty_it_is_the_mean_over_the_draws() -> None:
    draws = np.random.default_rng(1).normal(size=(40, 2))
    mean, deviation = np.array([[0.45, 0.45]]), np.array([[0.1, 0.05]])
    got = expected_improvement(FRONT, mean, deviation, CORNER, draws)
    known = hypervolume(FRONT, CORNER)
    added = [hypervolume(np.vstack([FRONT, mean[0] + deviation[0] * d]), CORNER) - known for d in draws]
    assert got[0] == pytest.approx(np.mean(added))


def test_three_objectives_are_judged_at_the_mean() -> None:
    front, corner = np.array([[0.5, 0.5, 0.5]]), np.ones(3)
    got = expected_improvement(
        front, np.array([[0.4, 0.4, 0.4], [0.6, 0.6, 0.6]]), np.zeros((2, 3)), corner, np.zeros((1, 3))
    )
    np.testing.assert_allclose(got, [0.6**3 - 0.5**3, 0.0])
