"""Whether a classifier is right as often as it is sure of itself: expected calibration errors, before and after."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ...spaces.tensors.batch import Array
from ..results.classes.confidence import Confidence
from ..results.measurement import Z_95, Measurement

BINS = 15
"""As in the tables of Guo et al."""
RESAMPLES = 200
"""Of the bootstrap; an interval's width is then known to 5 %."""

Floats = NDArray[np.float64]
Truths = NDArray[np.bool_]


def confidence_of(outputs: Array, reference: Array, labels: NDArray[np.int64]) -> Confidence:
    """Expected calibration errors of a candidate and of the uncompressed model, and how sure they are on the mean.

    ``ECE = Σ_m |B_m| / n · |acc(B_m) − conf(B_m)|`` over 15 bins of equal width by the probability of the answer (Guo
    et al. 2017, "On Calibration of Modern Neural Networks", equation 3). Its intervals are 1.96 standard deviations of
    a bootstrap over samples, that of the change with the same samples drawn of both. The error of a finite number of
    samples is too large by a little, in both alike.

    Args:
        outputs: of the candidate: logits, or probabilities, shape ``(n, classes)``.
        reference: of the uncompressed model on the same samples.
        labels: shape ``(n,)``.
    """
    (sure, right), (sure_before, right_before) = _answers(outputs, labels), _answers(reference, labels)
    both = [_Gaps(sure, right), _Gaps(sure_before, right_before)]
    generator, n = np.random.default_rng(0), len(labels)
    drawn = np.array([[gaps.error(chosen) for gaps in both] for chosen in _draws(generator, n)])
    error, before = (gaps.error(slice(None)) for gaps in both)
    spread, spread_before = drawn.std(0, ddof=1)
    change = (drawn[:, 0] - drawn[:, 1]).std(ddof=1)
    return Confidence(
        _around(before, spread_before, n),
        _around(error, spread, n),
        _around(error - before, change, n, least=-1.0),
        _around(sure_before.mean(), sure_before.std() / math.sqrt(n), n),
        _around(sure.mean(), sure.std() / math.sqrt(n), n),
    )


def probabilities(outputs: Array) -> Floats:
    """Softmax of logits ``(n, classes)``; outputs that are probabilities already are taken as they are."""
    given = outputs.astype(np.float64)
    if given.min() >= 0 and np.allclose(given.sum(1), 1, atol=1e-3):
        return given
    powers = np.exp(given - given.max(1, keepdims=True))
    return np.asarray(powers / powers.sum(1, keepdims=True))


class _Gaps:
    """Each sample's confidence less its correctness, by the bin that it falls into."""

    def __init__(self, sure: Floats, right: Truths) -> None:
        self._gaps = sure - right
        self._bins = np.minimum((sure * BINS).astype(np.int64), BINS - 1)

    def error(self, chosen: NDArray[np.int64] | slice) -> float:
        gaps = self._gaps[chosen]
        return float(np.abs(np.bincount(self._bins[chosen], gaps, BINS)).sum() / len(gaps))


def _answers(outputs: Array, labels: NDArray[np.int64]) -> tuple[Floats, Truths]:
    """The probability of each sample's answer, and whether it is right."""
    found = probabilities(outputs)
    return found.max(1), outputs.argmax(1) == labels


def _draws(generator: np.random.Generator, n: int) -> list[NDArray[np.int64]]:
    return [generator.integers(0, n, n) for _ in range(RESAMPLES)]


def _around(value: float, deviation: float, n: int, least: float = 0.0) -> Measurement:
    half = Z_95 * float(deviation)
    value = float(value)
    return Measurement.around(value, max(least, value - half), min(1.0, value + half), n, "fraction")
