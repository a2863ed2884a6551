"""What is known of an artefact's quality: the score, its interval, and its paired change against another artefact."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ....spaces.errors import Infeasible
from ...results.measurement import Measurement, paired_difference, proportion, student_quantile
from ...results.metric import Metric

Numbers = NDArray[np.float64]

FEWEST = 4
"""Fewer rows than this are no sample of anything to draw from."""


class Scores(ABC):
    """What a metric makes of the first samples of a split."""

    @abstractmethod
    def measurement(self, metric: Metric) -> Measurement:
        """The score of all these samples.

        Raises:
            Infeasible: where it is not finite.
        """

    @abstractmethod
    def change(self, reference: Scores, metric: Metric) -> Measurement:
        """The score less that of another artefact on the same samples, of the same kind; in the metric's direction."""


@dataclass(frozen=True, eq=False)
class SampleScores(Scores):
    """A score for each sample, shape ``(n,)``; that of all is their mean.

    Scores that are all 0 or 1 are proportions: Wilson's interval, and Bonett & Price's of the change. The mean of
    others has Student's interval.
    """

    values: Numbers

    @property
    def n(self) -> int:
        return len(self.values)

    def measurement(self, metric: Metric) -> Measurement:
        self._check(metric)
        if _is_binary(self.values) and metric.is_fraction:
            return proportion(int(self.values.sum()), self.n)
        mean = float(self.values.mean())
        if self.n == 1:
            return Measurement(mean, mean, mean, 1, metric.unit, noisy=True)
        half = student_quantile(self.n - 1) * float(self.values.std(ddof=1)) / math.sqrt(self.n)
        return interval(mean, half, half, False, self.n, metric)

    def change(self, reference: Scores, metric: Metric) -> Measurement:
        """The mean of the differences sample by sample.

        Two pseudo-samples stand in for those whose scores change and that were not among the ``n``: in one the score
        rises by a standard deviation of the reference's scores, in the other it falls by as much. Without them, two
        models that agree on all ``n`` would get an interval of zero width. For scores of 0 and 1 it is one more
        gained and one more lost (Bonett & Price 2012, see :func:`paired_difference`).
        """
        assert isinstance(reference, SampleScores)
        self._check(metric)
        before = reference.values[: self.n]
        if _is_binary(self.values) and _is_binary(before) and metric.is_fraction:
            return paired_difference(self.values == 1, before == 1)
        differences = self.values - before
        mean, moved = float(differences.mean()), float(reference.values.std())
        spread = float(((differences - mean) ** 2).sum()) + 2 * moved**2
        half = student_quantile(self.n + 1) * math.sqrt(spread / (self.n + 1) / (self.n + 2))
        return _difference(mean, half, half, self.n, metric)

    def _check(self, metric: Metric) -> None:
        bad = np.flatnonzero(~np.isfinite(self.values))
        if len(bad):
            raise Infeasible(f"{metric.name} is {self.values[bad[0]]} for {len(bad)} of {self.n} samples")


@dataclass(frozen=True, eq=False)
class Replicates(Scores):
    """A score of all samples together, and scores of other sets of samples that tell how far it would vary.

    Attributes:
        name: of the metric, for messages.
        value: the score of all ``n`` samples.
        n: how many these are.
        values: the scores of the replicates, shape ``(r,)``; those of two artefacts are of the same samples.
        drawn: of how many rows (samples, or blocks of them) each replicate draws as many with replacement: a bootstrap
            (Efron 1979). 0 where the replicates are disjoint parts of the samples instead, of equal size.
    """

    name: str
    value: float
    n: int
    values: Numbers
    drawn: int = 0

    def measurement(self, metric: Metric) -> Measurement:
        """The score, with Student's interval by the replicates' standard deviation.

        That of a bootstrap of ``m`` rows is the standard error but for a factor sqrt(m / (m - 1)), with ``m`` - 1
        degrees of freedom. Of ``r`` disjoint parts each has sqrt(r) times the standard error of the whole, with
        ``r`` - 1; where the metric is no mean over samples (a maximum, an area under a curve of rare classes) it is
        rather too wide than too narrow. The interval stands around the score, not around the replicates' mean. Where
        resamples are better or worse than the score on average, the score is likely to be so against the truth, too
        (an average precision is too high on few images): by as much the interval reaches farther to that side.

        Replicates on which the metric is not finite (an F1 of classes that are not among them) are left out; where
        more than half are, or fewer than two are left, the measurement is ``noisy``, as with fewer than four rows.
        """
        if not math.isfinite(self.value):
            raise Infeasible(f"{self.name} is {self.value} over {self.n} samples")
        return interval(self.value, *self._spread(self.value, self.values), self.n, metric)

    def change(self, reference: Scores, metric: Metric) -> Measurement:
        """As :meth:`measurement`, by the differences of the replicates, which share their samples."""
        assert isinstance(reference, Replicates)
        value = self.value - reference.value
        if not math.isfinite(value):
            raise Infeasible(f"{self.name} is {self.value} over {self.n} samples")
        below, above, noisy = self._spread(value, self.values - reference.values)
        if below == above == 0 and metric.is_fraction:
            below = above = proportion(0, self.n).high
        return _difference(value, below, above, self.n, metric, noisy)

    def _spread(self, value: float, values: Numbers) -> tuple[float, float, bool]:
        """How far the interval reaches below and above the value, and whether that is to be doubted."""
        finite = values[np.isfinite(values)]
        if len(finite) < 2 or self.drawn == 1:
            return 0.0, 0.0, True
        freedom = self.drawn - 1 if self.drawn else len(finite) - 1
        scale = math.sqrt(self.drawn / freedom) if self.drawn else 1 / math.sqrt(len(finite))
        half = student_quantile(freedom) * float(finite.std(ddof=1)) * scale
        bias = float(finite.mean()) - value if self.drawn and half else 0.0
        noisy = 2 * len(finite) < len(values) or 0 < self.drawn < FEWEST
        return half + max(0.0, bias), half + max(0.0, -bias), noisy


def interval(value: float, below: float, above: float, noisy: bool, n: int, metric: Metric) -> Measurement:
    """The value with an interval that reaches so far to both sides; that of a fraction stays within 0 and 1.

    A fraction whose samples all agree (both are 0) has the interval that the samples of which none was otherwise leave
    open: as many as Wilson's upper bound of 0 of ``n`` may score 0 or 1.
    """
    low, high = value - below, value + above
    if metric.is_fraction:
        if below == above == 0:
            otherwise = proportion(0, n).high
            low, high = value * (1 - otherwise), value + otherwise * (1 - value)
        low, high = max(0.0, low), min(1.0, high)
    return Measurement.around(value, low, high, n, metric.unit, noisy)


def _difference(value: float, below: float, above: float, n: int, metric: Metric, noisy: bool = False) -> Measurement:
    """A difference of two scores with its interval; that of fractions stays within -1 and 1."""
    low, high = value - below, value + above
    if metric.is_fraction:
        low, high = max(-1.0, low), min(1.0, high)
    return Measurement.around(value, low, high, n, metric.unit, noisy)


def _is_binary(values: Numbers) -> bool:
    return bool(((values == 0) | (values == 1)).all())
