"""k-means in one dimension, by running sums over the sorted values: a step costs k searches, whatever the size."""

from __future__ import annotations

import numpy as np

STEPS = 1000
"""Most steps. Layers of some 40,000 weights have come to rest by then, in 12 ms; with millions of weights and 256
clusters 300 steps leave 1.4 times the squared error of 3,000, and 1,000 take 0.1 s."""


def centroids_of(values: np.ndarray, clusters: int, steps: int = STEPS) -> np.ndarray:
    """The centroids that Lloyd's algorithm ends at, ascending, float64 of shape ``(at most clusters,)``.

    Starts from ``clusters`` centroids evenly between the least and the greatest value ("linear initialisation", Han et
    al. 2016, "Deep Compression", section 3.2), which keeps large weights apart. A cluster that is left empty keeps its
    centroid, so that it can be taken up again, and is left out of what is returned. Where there are no more distinct
    values than clusters, the values themselves are returned.

    Args:
        values: finite, shape ``(n,)``, n > 0.
    """
    ordered = np.sort(values).astype(np.float64)
    distinct = np.unique(ordered)
    if len(distinct) <= clusters:
        return distinct
    sums = np.concatenate([[0.0], np.cumsum(ordered)])
    centroids = np.linspace(ordered[0], ordered[-1], clusters)
    edges = np.zeros(clusters + 1, np.int64)
    for _ in range(steps):
        before, edges = edges, np.concatenate([[0], _below(ordered, centroids), [len(ordered)]])
        counts = np.diff(edges)
        if np.array_equal(edges, before):
            break
        centroids = np.where(counts > 0, np.diff(sums[edges]) / np.maximum(counts, 1), centroids)
    return np.asarray(centroids[counts > 0])


def nearest(values: np.ndarray, centroids: np.ndarray) -> np.ndarray:
    """The index of the nearest of ascending ``centroids`` for each value; the lower of two as near."""
    return np.asarray(np.searchsorted(_midpoints(centroids), values, side="left"))


def _below(ordered: np.ndarray, centroids: np.ndarray) -> np.ndarray:
    """How many values go to each centroid and those before it, but for the last: ``nearest``, of sorted values."""
    return np.searchsorted(ordered, _midpoints(centroids), side="right")


def _midpoints(centroids: np.ndarray) -> np.ndarray:
    return np.asarray((centroids[1:] + centroids[:-1]) / 2)
