"""The score of outputs that come batch by batch, by a metric of the user's own: none of them is held."""

from __future__ import annotations

import copy

import numpy as np
import torch

from ..results.measurement import Measurement
from .accuracy import CHUNKS, Array, Metric, chunk_interval


class MetricStream:
    """What `metric_score` gives, for outputs too large to be held together (a map of classes for every image, say).

    The metric is updated batch by batch, as torchmetrics are made for, and a copy of it for each of the 20 random
    chunks that give the interval.

    Args:
        metric: is reset first, and left reset.
        n: samples to come.
        unit: of the score.
        seed: draws the chunks, the same ones as `metric_score`'s.
    """

    def __init__(self, metric: Metric, n: int, unit: str = "score", seed: int = 0) -> None:
        self._n, self._unit, self._seen = n, unit, 0
        metric.reset()
        self._whole = metric
        self._chunks = [copy.deepcopy(metric) for _ in range(min(CHUNKS, n // 2) if n >= 4 else 0)]
        self._chunk_of = np.zeros(n, dtype=np.intp)
        for chunk, part in enumerate(
            np.array_split(np.random.default_rng(seed).permutation(n), max(1, len(self._chunks)))
        ):
            self._chunk_of[part] = chunk

    def update(self, outputs: Array, targets: Array) -> None:
        """The next outputs and targets, ``(m, …)`` each."""
        predictions, truth = (torch.from_numpy(np.ascontiguousarray(array)) for array in (outputs, targets))
        self._whole.update(predictions, truth)
        of = self._chunk_of[self._seen : self._seen + len(outputs)]
        for chunk in np.unique(of) if self._chunks else ():
            rows = torch.from_numpy(np.flatnonzero(of == chunk))
            self._chunks[chunk].update(predictions[rows], truth[rows])
        self._seen += len(outputs)

    def result(self) -> Measurement:
        """The score of all `n` samples; raises `Infeasible` where it is not finite."""
        if self._seen != self._n:
            raise ValueError(f"expected {self._n} samples, got {self._seen}")
        value = float(self._whole.compute())
        self._whole.reset()
        chunks = [float(chunk.compute()) for chunk in self._chunks]
        return chunk_interval(self._whole, value, chunks, self._n, self._unit)
