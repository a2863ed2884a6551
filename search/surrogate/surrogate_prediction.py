"""What a policy that was not tried can be expected to give: the probes' additive model, corrected by the trials."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...evaluators.results.metric import TEN_POINTS
from ..runs.studies.history import Tried
from .bayes_correction import COST_SPREAD, LATENCY_SPREAD, Correction
from .layered_latency import layered_cost
from .sensitivity import BEND, Floats, Indices, Sensitivity

SATURATED = 0.8
"""Beyond so many nats losses no longer rise in a straight line."""
TYPICAL_SLOPE = 0.2
"""Accuracy lost for a nat, as a fraction, before trials tell: 0.13 to 0.3 on three networks of CIFAR-10 and MNIST."""
_WEIGHT = 3.0
_TINY = 1e-6


class Outlook:
    """Predicts objectives, all minimised.

    Divergence and costs come from the additive model, or from what layers take on the device (:func:`layered_cost`),
    each with a :class:`Correction`. Accuracy falls with the
    divergence in a straight line, fitted to the trials; where divergences are not measured, the loss stands for them.

    Args:
        sensitivity: what probes tell.
        baseline: the uncompressed model.
        tried: what trials have measured.
        loss: index of the objective that is a loss, where there is one; the others are costs.
        keys: for each objective, the name of its cost in ``sensitivity``; what stands at ``loss`` is not read.
        useful: how much of the loss is as bad as ten points of accuracy.
        rows: the choices of what was tried as places, ``(trials, knobs)``, where they are known already.
    """

    def __init__(
        self,
        sensitivity: Sensitivity,
        baseline: Tried,
        tried: Sequence[Tried],
        loss: int | None,
        keys: Sequence[str],
        useful: float = TEN_POINTS,
        rows: Indices | None = None,
    ) -> None:
        self._sensitivity, self._baseline, self._loss, self._keys = sensitivity, baseline, loss, keys
        self._slope = TYPICAL_SLOPE * (useful / TEN_POINTS)
        self._smooth = not tried or any(t.divergence is not None for t in tried)
        self._tried = tried
        rows = self._rows(tried) if rows is None else rows
        teaches = [index for index, t in enumerate(tried) if t.divergence is not None or not self._smooth]
        teaching = [tried[index] for index in teaches]
        moved = np.array([self._moved(t) for t in teaching])
        self._line = self._fit_line(moved, teaching)
        expected = self._expected_divergence(rows[teaches])
        parts = sensitivity.losses(rows[teaches]) / expected[:, None]
        self.divergence = Correction.fit(parts, expected, np.maximum(moved, _TINY))
        self.costs = {
            index: self._cost_correction(key, rows, np.array([t.costs[index] for t in tried]) / baseline.costs[index])
            for index, key in enumerate(keys)
            if index != loss
        }

    def predict(self, rows: Indices) -> tuple[Floats, Floats]:
        """Means and standard deviations of the objectives, both ``(policies, objectives)``."""
        means, deviations = np.zeros((len(rows), len(self._keys))), np.zeros((len(rows), len(self._keys)))
        if self._loss is not None:
            expected = self._expected_divergence(rows)
            log, spread = self.divergence.predict(self._sensitivity.losses(rows) / expected[:, None], expected)
            intercept, slope = self._line
            means[:, self._loss] = intercept + slope * np.exp(log)
            deviations[:, self._loss] = slope * np.exp(log) * spread
        for index, correction in self.costs.items():
            expected, parts = self._cost_parts(self._keys[index], rows)
            log, spread = correction.predict(parts, expected)
            means[:, index] = np.exp(log) * self._baseline.costs[index]
            deviations[:, index] = means[:, index] * spread
        return means, deviations

    def believed(self) -> Floats:
        """The objectives of what was tried, with the losses that their divergences let expect."""
        known = np.array([t.costs for t in self._tried]).reshape(-1, len(self._keys))
        if self._smooth and len(known) and self._loss is not None:
            intercept, slope = self._line
            measured = np.array([t.divergence is not None for t in self._tried])
            moved = np.array([self._moved(t) for t in self._tried])
            known[:, self._loss] = np.where(measured, intercept + slope * moved, known[:, self._loss])
        return known

    def _rows(self, tried: Sequence[Tried]) -> Indices:
        empty: Indices = np.zeros((0, len(self._sensitivity.space)), dtype=np.int64)
        return self._sensitivity.indices([t.params for t in tried]) if tried else empty

    def _moved(self, tried: Tried) -> float:
        if tried.divergence is not None:
            return tried.divergence
        if self._loss is None:
            return _TINY
        return max(_TINY, tried.costs[self._loss] - self._baseline.costs[self._loss])

    def _fit_line(self, moved: Floats, tried: Sequence[Tried]) -> tuple[float, float]:
        """Intercept and slope; it never falls. The uncompressed model counts as one trial, and a prior as three."""
        if self._loss is None:
            return 0.0, 0.0
        start, lost = self._baseline.costs[self._loss], np.array([t.costs[self._loss] for t in tried])
        if not self._smooth:
            return start, 1.0
        useful = moved < SATURATED if len(moved) else np.zeros(0, bool)
        x = np.concatenate([[0.0, 0.1], moved[useful]])
        y = np.concatenate([[start, start + 0.1 * self._slope], lost[useful]])
        weight = np.concatenate([[1.0, _WEIGHT], np.ones(int(useful.sum()))])
        mean_x, mean_y = float(weight @ x / weight.sum()), float(weight @ y / weight.sum())
        slope = max(0.0, float(weight @ ((x - mean_x) * (y - mean_y)))) / float(weight @ (x - mean_x) ** 2)
        return mean_y - slope * mean_x, slope

    def _expected_divergence(self, rows: Indices) -> Floats:
        return np.maximum(self._sensitivity.expected_divergence(rows), _TINY)

    def _cost_correction(self, key: str, rows: Indices, measured: Floats) -> Correction:
        expected, parts = self._cost_parts(key, rows)
        spread = LATENCY_SPREAD if self._sensitivity.work.get(key) else COST_SPREAD
        return Correction.fit(parts, expected, measured, least_noise=0.005, knob_spread=spread)

    def _cost_parts(self, key: str, rows: Indices) -> tuple[Floats, Floats]:
        """What a cost is expected to be, and by how much each knob's saving lowers its logarithm, negative."""
        if self._sensitivity.work.get(key):
            return layered_cost(self._sensitivity, key, rows)
        expected = self._sensitivity.expected_cost(key, rows)
        scale = np.maximum(expected, (1 - BEND) * self._sensitivity.base_costs[key])
        return expected, -self._sensitivity.saved(key, rows) / scale[:, None]
