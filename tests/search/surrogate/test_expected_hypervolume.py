"""Expected improvement against hypervolumes counted one by one."""

from __future__ import annotations

import moocore
import numpy as np
import pytest

from parefront.evaluators.results.fronts.front import Front
from parefront.evaluators.results.fronts.hypervolume import hypervolume
from parefront.search.registry import SAMPLERS
from parefront.search.surrogate.expected_hypervolume import DRAWS, MOST_MEMBERS, expected_improvement
from parefront.spaces.policy import Policy
from parefront.testing.formula import measured
from parefront.testing.samplers import suggestions

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


def test_more_objectives_are_the_mean_over_the_draws() -> None:
    generator = np.random.default_rng(2)
    front, corner, draws = generator.random((12, 4)), np.ones(4), generator.normal(size=(DRAWS, 4))
    means, deviations = generator.random((5, 4)), np.full((5, 4), 0.05)
    got = expected_improvement(front, means, deviations, corner, draws)
    known = moocore.hypervolume(front, ref=corner)
    for index, mean in enumerate(means):
        points = mean + deviations[index] * draws
        added = [moocore.hypervolume(np.vstack([front, point]), ref=corner) - known for point in points]
        assert got[index] == pytest.approx(np.mean(added), abs=1e-12)


def test_a_long_front_in_more_objectives_is_thinned() -> None:
    front = np.random.default_rng(3).dirichlet(np.ones(4), 3 * MOST_MEMBERS)
    generator = np.random.default_rng(4)
    means = generator.dirichlet(np.ones(4), 20) * generator.uniform(0.5, 1.0, (20, 1))
    got = expected_improvement(front, means, np.zeros((20, 4)), np.ones(4), np.zeros((1, 4)))
    known = moocore.hypervolume(front, ref=np.ones(4))
    whole = [moocore.hypervolume(np.vstack([front, mean]), ref=np.ones(4)) - known for mean in means]
    assert (got >= np.array(whole) - 1e-12).all()
    assert np.corrcoef(got, whole)[0, 1] > 0.9


def test_four_objectives_are_searched_better_than_at_random() -> None:
    four = ("accuracy", "latency", "size", "macs")

    def volume(name: str, seed: int) -> float:
        policies = suggestions(SAMPLERS[name], seed, objectives=four, budgets=(), trials=40)
        return Front.of(map(measured, policies), four, measured(Policy())).hypervolume()

    for seed in range(3):
        assert volume("auto", seed) > volume("random", seed) + 0.02
