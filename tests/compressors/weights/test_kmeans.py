"""k-means in one dimension: Lloyd's fixed points, from evenly spaced centroids."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from parefront.compressors.weights.kmeans import centroids_of, nearest

from ...clocks import times_as_long


def values(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).laplace(size=count).astype(np.float32)


def squared_error(given: np.ndarray, centroids: np.ndarray) -> float:
    return float(np.square(given - centroids[nearest(given, centroids)]).sum())


def lloyd(given: np.ndarray, clusters: int) -> np.ndarray:
    """The textbook's loop: each value to its nearest centroid, each centroid to the mean of its values."""
    centroids = np.linspace(given.min(), given.max(), clusters, dtype=np.float64)
    while True:
        of = np.abs(given[:, None].astype(np.float64) - centroids).argmin(1)
        moved = np.array(
            [given[of == c].mean(dtype=np.float64) if (of == c).any() else centroids[c] for c in range(clusters)]
        )
        if np.allclose(moved, centroids, rtol=0, atol=1e-12):
            return moved[np.isin(np.arange(clusters), of)]
        centroids = moved


@pytest.mark.parametrize("clusters", [2, 4, 16, 64])
def test_it_ends_where_lloyds_algorithm_ends(clusters: int) -> None:
    given = values(500)
    np.testing.assert_allclose(centroids_of(given, clusters), lloyd(given, clusters), rtol=1e-9)


@pytest.mark.parametrize("clusters", [2, 16, 64])
def test_each_centroid_is_the_mean_of_the_values_nearest_to_it(clusters: int) -> None:
    given = values(36864)
    centroids = centroids_of(given, clusters, steps=100_000)
    of = nearest(given, centroids)
    assert np.array_equal(of, np.abs(given[:, None] - centroids).argmin(1))
    means = [given[of == cluster].mean(dtype=np.float64) for cluster in range(len(centroids))]
    np.testing.assert_allclose(centroids, means, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_on_few_values_it_is_near_the_best_of_all_partitions(seed: int) -> None:
    given = np.sort(values(10, seed))
    cuts = itertools.combinations(range(1, 10), 2)
    best = min(sum(float(np.square(part - part.mean()).sum()) for part in np.split(given, list(cut))) for cut in cuts)
    reached = squared_error(given, centroids_of(given, 3))
    assert best * (1 - 1e-5) <= reached <= 2 * best


def test_no_more_distinct_values_than_clusters_are_kept_as_they_are() -> None:
    given = np.array([3, -1, 3, 0.5, -1], np.float32)
    assert centroids_of(given, 4).tolist() == [-1, 0.5, 3]


def test_clusters_that_end_up_empty_are_left_out() -> None:
    given = np.concatenate([values(200), [1000]]).astype(np.float32)
    centroids = centroids_of(given, 16)
    assert set(nearest(given, centroids)) == set(range(len(centroids)))
    assert len(centroids) < 16


def test_a_layer_of_36864_weights_takes_a_few_sorts_of_it() -> None:
    given = values(36864)
    assert times_as_long(lambda: centroids_of(given, 256), lambda: np.sort(given)) < 150, "about 15"
