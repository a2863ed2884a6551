"""A number with its 95 % interval, and the ways one is made: exact, a proportion, a median, a paired difference."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Z_95 = 1.959963984540054
# 97.5 % quantiles of Student's t for 1, 2, … 30 degrees of freedom: what 1.96 becomes where samples are few.
_T_95 = (
    *(12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281),
    *(2.2010, 2.1788, 2.1604, 2.1448, 2.1314, 2.1199, 2.1098, 2.1009, 2.0930, 2.0860),
    *(2.0796, 2.0739, 2.0687, 2.0639, 2.0595, 2.0555, 2.0518, 2.0484, 2.0452, 2.0423),
)
_FEW = 30
SKEWED = 1.5
"""How many times as long as the other one side of an interval may be for one number to stand for both."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """A value and its 95 % interval `[low, high]`, from `n` samples, in `unit` ("ms", "fraction", "bytes", "x", …).

    `noisy` says that the samples disagree more than they should: believe the interval, not the value.
    `why_noisy` names what was amiss, in words that do not change (`"preempted"`, `"drifted"`, …), where that is known.
    `among` is the interval among measurements that were taken through the same `anchor`: the anchor's own uncertainty,
    which moves them all together and is in `[low, high]`, is left out. Empty where nothing is shared.
    Raises `ValueError` unless `low <= value <= high`, the same of `among`, all are finite and `n >= 1`.
    """

    value: float
    low: float
    high: float
    n: int
    unit: str
    noisy: bool = False
    why_noisy: tuple[str, ...] = ()
    anchor: str = ""
    among: tuple[float, float] | tuple[()] = ()

    def __post_init__(self) -> None:
        if not all(math.isfinite(number) for number in (self.value, self.low, self.high)):
            raise ValueError(f"a measurement must be finite, got {self.value} [{self.low}, {self.high}] {self.unit}")
        if not self.low <= self.value <= self.high:
            raise ValueError(f"expected low <= value <= high, got {self.low} <= {self.value} <= {self.high}")
        if self.n < 1:
            raise ValueError(f"a measurement needs at least one sample, got n={self.n}")
        if bool(self.anchor) != bool(self.among):
            raise ValueError("an anchor and the interval among what was measured through it come together")
        if self.among and not (self.among[0] <= self.value <= self.among[1] and math.isfinite(sum(self.among))):
            raise ValueError(f"expected {self.value} in [{self.among[0]}, {self.among[1]}]")

    @classmethod
    def exact(cls, value: float, unit: str) -> Measurement:
        """A number that was counted, not sampled (bytes on disk, MACs, parameters): the interval is the value."""
        return cls(value, value, value, 1, unit)

    @classmethod
    def around(cls, value: float, low: float, high: float, n: int, unit: str, noisy: bool = False) -> Measurement:
        """As the constructor, but the interval is stretched to hold `value` where rounding has left it just outside."""
        return cls(value, min(low, value), max(high, value), n, unit, noisy)

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Measurement:
        """The measurement that `to_json` wrote; a missing key raises `KeyError`, other keys are ignored."""
        value, low, high = (float(fields[key]) for key in ("value", "low", "high"))
        why = tuple(map(str, fields.get("why_noisy", ())))
        found = cls(value, low, high, int(fields["n"]), str(fields["unit"]), bool(fields.get("noisy", False)), why)
        held = fields.get("among")
        return found if held is None else found.shared(str(held["anchor"]), float(held["low"]), float(held["high"]))

    def to_json(self) -> dict[str, Any]:
        """A plain dict; `noisy` and `why_noisy` are there only where it is, `among` where it has an anchor."""
        fields = {"value": self.value, "low": self.low, "high": self.high, "n": self.n, "unit": self.unit}
        why = {"why_noisy": list(self.why_noisy)} if self.why_noisy else {}
        noise = {"noisy": True, **why} if self.noisy else {}
        if not self.among:
            return {**fields, **noise}
        low, high = self.among
        return {**fields, **noise, "among": {"anchor": self.anchor, "low": low, "high": high}}

    def overlaps(self, other: Measurement) -> bool:
        """Whether the intervals share a point, so that the two are not to be ranked. Raises on unequal units.

        Of two that were measured through the same anchor those count that leave its uncertainty out.
        """
        if self.unit != other.unit:
            raise ValueError(f"cannot compare a measurement in {self.unit} with one in {other.unit}")
        one, two = (self.own, other.own) if self.anchor == other.anchor else (self, other)
        return one.low <= two.high and two.low <= one.high

    @property
    def own(self) -> Measurement:
        """With the interval :attr:`among` others of its anchor as its interval; itself where it has none."""
        if not self.among:
            return self
        low, high = self.among
        return replace(self, low=low, high=high, anchor="", among=())

    def shared(self, anchor: str, low: float, high: float) -> Measurement:
        """The same with an anchor and the interval among others of it."""
        return replace(self, anchor=anchor, among=(min(low, self.value), max(high, self.value)))

    def through(self, factor: Measurement, anchor: str, unit: str) -> Measurement:
        """As :meth:`times` by a factor that all share which were measured through an anchor."""
        own = self.own
        return self.times(factor, unit).shared(anchor, own.low * factor.value, own.high * factor.value)

    def times(self, factor: Measurement, unit: str) -> Measurement:
        """The product with an independent measurement, both positive: relative half-widths add in quadrature."""
        value = self.value * factor.value
        below = math.hypot(1 - self.low / self.value, 1 - factor.low / factor.value)
        above = math.hypot(self.high / self.value - 1, factor.high / factor.value - 1)
        noisy, why = self.noisy or factor.noisy, tuple(dict.fromkeys(self.why_noisy + factor.why_noisy))
        return Measurement(value, value * max(0.0, 1 - below), value * (1 + above), self.n, unit, noisy, why)

    def widened(self, spread: float) -> Measurement:
        """With a relative standard deviation added to the interval, in quadrature."""
        allowance = Z_95 * spread * self.value
        low = self.value - math.hypot(self.value - self.low, allowance)
        found = replace(self, low=low, high=self.value + math.hypot(self.high - self.value, allowance))
        if not self.among:
            return found
        own = self.own.widened(spread)
        return found.shared(self.anchor, own.low, own.high)

    def not_below(self, bound: float) -> Measurement:
        """With the lower end of the interval raised to a bound, where that is known to hold, or to the value."""
        return replace(self, low=max(self.low, min(bound, self.value)))

    @property
    def half_width(self) -> float:
        """Half the length of the interval, in `unit`."""
        return (self.high - self.low) / 2

    @property
    def reach(self) -> float:
        """How far the interval reaches from the value at most, in `unit`: what a ``±`` may say."""
        return max(self.value - self.low, self.high - self.value)

    @property
    def is_skewed(self) -> bool:
        """Whether no ``±`` tells both sides: one is far longer, or would lead below 0 or above 1."""
        if self.reach > SKEWED * min(self.value - self.low, self.high - self.value):
            return True
        below_zero = self.value - self.reach < 0 <= self.low
        return below_zero or (self.unit == "fraction" and self.value + self.reach > 1 >= self.high)


def proportion(successes: int, n: int) -> Measurement:
    """The share of successes (a top-1 accuracy, say) with Wilson's score interval; unit "fraction".

    Wilson (1927), "Probable inference, the law of succession, and statistical inference". Unlike the normal
    approximation it stays within [0, 1] and has a width at 0 and at `n` successes.
    """
    if not 0 <= successes <= n or n < 1:
        raise ValueError(f"expected 0 <= successes <= n and n >= 1, got successes={successes}, n={n}")
    share, weight = successes / n, Z_95**2 / n
    centre = (share + weight / 2) / (1 + weight)
    half = Z_95 / (1 + weight) * math.sqrt(share * (1 - share) / n + weight / (4 * n))
    return Measurement.around(share, max(0.0, centre - half), min(1.0, centre + half), n, "fraction")


def paired_difference(candidate_correct: NDArray[np.bool_], base_correct: NDArray[np.bool_]) -> Measurement:
    """Candidate's accuracy minus base's on the same images, unit "fraction"; below zero the candidate is worse.

    Both arguments have shape `(n,)`: right or wrong for each image. Only the images on which the two differ carry
    information, so the interval is far narrower than that of two separate proportions.

    The interval is the normal approximation on per-image differences with one pseudo-image added to either kind
    of disagreement (Bonett & Price 2012, "Adjusted Wald confidence interval for a difference of binomial
    proportions based on paired data"). Without these, two models that agree on every image would get an interval
    of zero width; with them it is ±2.8 / (n + 2). The value itself is not adjusted.
    """
    candidate, base = np.asarray(candidate_correct, dtype=bool), np.asarray(base_correct, dtype=bool)
    if candidate.ndim != 1 or candidate.shape != base.shape or candidate.size == 0:
        raise ValueError(f"expected two equal shapes (n,) with n >= 1, got {candidate.shape} and {base.shape}")
    gained, lost = int((candidate & ~base).sum()), int((~candidate & base).sum())
    return paired_counts(gained, lost, candidate.size)


def paired_counts(gained: int, lost: int, n: int) -> Measurement:
    """:func:`paired_difference` of ``n`` images, of which so many only the candidate or only the base has right."""
    up, down = (gained + 1) / (n + 2), (lost + 1) / (n + 2)
    half = Z_95 * math.sqrt((up + down - (up - down) ** 2) / (n + 2))
    low, high = max(-1.0, up - down - half), min(1.0, up - down + half)
    return Measurement.around((gained - lost) / n, low, high, n, "fraction")


def order_statistic(samples: NDArray[np.floating[Any]], share: float, unit: str) -> Measurement:
    """A quantile (`share` 0.99 is the 99th percentile) with its 95 % interval between order statistics.

    `samples` has shape `(n,)`. The number of samples below the quantile is binomial, whatever the distribution, so the
    interval lies between two of the sorted samples (Conover 1999, "Practical Nonparametric Statistics", section 3.2);
    here by the normal approximation of the binomial. With too few samples its upper end is the greatest of them.
    """
    ordered = np.sort(np.asarray(samples, dtype=np.float64).ravel())
    n = ordered.size
    if n == 0:
        raise ValueError("a quantile of no samples is undefined")
    half = Z_95 * math.sqrt(n * share * (1 - share))
    low, high = (min(max(0, rank), n - 1) for rank in (math.floor(n * share - half) - 1, math.ceil(n * share + half)))
    value = float(np.quantile(ordered, share))
    return Measurement.around(value, float(ordered[low]), float(ordered[high]), n, unit, noisy=n == 1)


def bootstrap_median(
    samples: NDArray[np.floating[Any]], unit: str, *, seed: int = 0, resamples: int = 10_000
) -> Measurement:
    """The median with its 95 % percentile-bootstrap interval (Efron 1979).

    `samples` has shape `(n,)` and must be independent: single runs of a model are not, medians of blocks nearly are.
    The median of a resample is one order statistic of `n` uniform draws (two where `n` is even), which is a beta
    variate: so each resample takes one or two random numbers instead of `n`, exactly, and 10,000 take about 1 ms.

    Up to 30 samples the percentile interval is too narrow (87 % at n = 7), so it is there united with the interval
    between order statistics, which covers at least 95 % whatever the distribution; that one needs six samples.
    From two to five, Student's t interval about the median stands in; one sample has no interval and is `noisy`.
    """
    ordered = np.sort(np.asarray(samples, dtype=np.float64).ravel())
    n = ordered.size
    if n == 0:
        raise ValueError("the median of no samples is undefined")
    value = float(np.median(ordered))
    if n == 1:
        return Measurement(value, value, value, 1, unit, noisy=True)
    if n < 6:
        half = student_half_width(ordered)
        return Measurement.around(value, value - half, value + half, n, unit)
    low, high = (float(bound) for bound in np.quantile(_resampled_medians(ordered, seed, resamples), [0.025, 0.975]))
    if n <= _FEW:
        rank = _order_statistic_rank(n)
        low, high = min(low, float(ordered[rank])), max(high, float(ordered[n - 1 - rank]))
    return Measurement.around(value, low, high, n, unit)


def student_half_width(samples: NDArray[np.floating[Any]]) -> float:
    """Half the length of Student's 95 % interval of the mean of `samples`, shape `(n,)`, n >= 2."""
    n = samples.size
    if n < 2:
        raise ValueError(f"a spread needs at least two samples, got {n}")
    return float(student_quantile(n - 1) * samples.std(ddof=1) / math.sqrt(n))


def student_quantile(freedom: int) -> float:
    """How many standard errors a 95 % interval reaches to either side, with so many degrees of freedom, 1 or more."""
    return _T_95[freedom - 1] if freedom <= len(_T_95) else Z_95


def _resampled_medians(ordered: NDArray[np.float64], seed: int, resamples: int) -> NDArray[np.float64]:
    n = ordered.size
    middle = (n + 1) // 2
    generator = np.random.default_rng(seed)
    lower = generator.beta(middle, n - middle + 1, resamples)
    medians = ordered[np.minimum((lower * n).astype(np.intp), n - 1)]
    if n % 2 == 0:  # the next order statistic is the least of the n - middle draws above `lower`
        upper = lower + (1 - lower) * generator.beta(1, n - middle, resamples)
        medians = (medians + ordered[np.minimum((upper * n).astype(np.intp), n - 1)]) / 2
    return medians


def _order_statistic_rank(n: int) -> int:
    """The largest 0-based rank k such that the k-th least and k-th greatest of n samples enclose 95 % or more."""
    below, rank = 1 / 2**n, 0
    while (step := math.comb(n, rank + 1) / 2**n) + below <= 0.025:
        below, rank = below + step, rank + 1
    return rank
