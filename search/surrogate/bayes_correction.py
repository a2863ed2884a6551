"""What trials teach beyond the probes: a correction of the additive model, with its uncertainty."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .sensitivity import Floats

KNOB_SPREAD = 0.7
"""Standard deviation, of natural logarithms, that the loss of one knob's probe is expected to be wrong by."""
COST_SPREAD = 0.25
"""The same of a cost that is taken to add up."""
LATENCY_SPREAD = 0.7
"""The same of a latency that is made up of its layers'. In 21 searches 90 % intervals fitted with it held 82 to 96 %
of the twenty measured next; in seven of them with half of it 76 to 95 %, as after few trials too little was expected to
be wrong."""
SHARED_SPREAD = 0.7
SLOPE_SPREAD = 0.4
LEAST_NOISE = 0.02
MANY = 500
"""Policies from which on the weights are solved for, not the policies: that takes the cube of their number."""


@dataclass(frozen=True, eq=False)
class Correction:
    """log(measured / expected) as a linear function of the knobs' parts in what was expected.

    If every knob's probe is wrong by a factor of its own, exp(w), the logarithm of a sum of them is wrong by about the
    mean of the w, weighted by their parts. Beside these there is a factor for all, and a power: losses add up to more
    than their sum where there are many. The weights are a Gaussian's posterior (Bishop 2006, "Pattern Recognition and
    Machine Learning", eq. 3.50 and 3.51); the noise is estimated from what is left, twice in turn.

    This is the latency model, too: what is expected comes from what the operators of each layer take and what every
    knob's probe has saved of it (:func:`.layered.layered_cost`), the weights are corrections of the knobs' parts.

    Attributes:
        mean: of the weights, shape ``(knobs + 2,)``.
        covariance: of the weights.
        noise: variance of a measurement about the model.
        centre: of the logarithms that were expected.
    """

    mean: Floats
    covariance: Floats
    noise: float
    centre: float

    @classmethod
    def fit(
        cls,
        parts: Floats,
        expected: Floats,
        measured: Floats,
        least_noise: float = LEAST_NOISE,
        knob_spread: float = KNOB_SPREAD,
    ) -> Correction:
        """From policies that were tried.

        Args:
            parts: share of each knob in what was expected, ``(policies, knobs)``.
            expected, measured: above zero, ``(policies,)``.
            least_noise: standard deviation, of logarithms, below which noise is not believed.
            knob_spread: that of each knob's probe, before any trial.
        """
        knobs = parts.shape[1]
        prior = np.array([knob_spread**2] * knobs + [SHARED_SPREAD**2, SLOPE_SPREAD**2])
        if not len(measured):
            return cls(np.zeros(knobs + 2), np.diag(prior), 0.2**2, 0.0)
        centre = float(np.log(expected).mean())
        features = _features(parts, expected, centre)
        wanted = np.log(measured) - np.log(expected)
        noise = 0.2**2
        if len(wanted) > MANY:
            return cls._of_many(features, wanted, prior, least_noise, centre)
        # Solved for the policies, not the knobs: there are fewer of them.
        spread = features * prior
        for _ in range(3):
            gain = np.linalg.solve(spread @ features.T + noise * np.eye(len(wanted)), spread).T
            mean = gain @ wanted
            left = wanted - features @ mean
            free = max(1.0, len(wanted) - float(np.trace(features @ gain)))
            noise = max(least_noise**2, float(left @ left) / free)
        return cls(mean, np.diag(prior) - gain @ spread, noise, centre)

    @classmethod
    def _of_many(cls, features: Floats, wanted: Floats, prior: Floats, least_noise: float, centre: float) -> Correction:
        """The same posterior, solved for the weights: of thousands of policies only sums are needed."""
        products, told, noise = features.T @ features, features.T @ wanted, 0.2**2
        for _ in range(3):
            inverse = np.linalg.inv(products + noise * np.diag(1 / prior))
            mean: Floats = np.asarray(inverse @ told, dtype=np.float64)
            covariance: Floats = np.asarray(noise * inverse, dtype=np.float64)
            left = wanted - features @ mean
            free = max(1.0, len(wanted) - float((inverse * products).sum()))
            noise = max(least_noise**2, float(left @ left) / free)
        return cls(mean, covariance, noise, centre)

    def predict(self, parts: Floats, expected: Floats) -> tuple[Floats, Floats]:
        """Mean and standard deviation of the logarithm of what will be measured, both ``(policies,)``."""
        features = _features(parts, expected, self.centre)
        variance = ((features @ self.covariance) * features).sum(axis=1)
        return np.log(expected) + features @ self.mean, np.sqrt(np.maximum(variance, 0.0) + self.noise)

    @property
    def factors(self) -> Floats:
        """By how much to multiply each knob's entries, most likely, ``(knobs,)``."""
        return np.asarray(np.exp(np.clip(self.mean[:-2], -3, 3)))

    def draw_factors(self, generator: np.random.Generator, count: int) -> Floats:
        """What the factors may be, ``(count, knobs)``."""
        deviation = np.sqrt(np.maximum(np.diag(self.covariance), 0.0))
        weights = self.mean + deviation * generator.normal(size=(count, len(self.mean)))
        return np.asarray(np.exp(np.clip(weights[:, :-2], -3, 3)))


def _features(parts: Floats, expected: Floats, centre: float) -> Floats:
    return np.hstack([parts, np.ones((len(parts), 1)), (np.log(expected) - centre)[:, None]])
