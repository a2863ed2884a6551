"""What was read twice, some time apart: the mean, and an interval that knows by how much such readings differ."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from ....evaluators.results.candidate import FINAL_SECONDS, Candidate
from ....evaluators.results.measurement import Z_95, Measurement
from ....evaluators.results.metric import is_timed
from ....evaluators.results.percentiles import at_least_the_median

Pair = tuple[Measurement, Measurement]

PAIRS_KNOWN = 4
"""What the readings' own intervals let expect of a mean's error counts as much as so many pairs."""


def averaged(first: Mapping[int, Candidate], second: Mapping[int, Candidate]) -> dict[int, Candidate]:
    """The candidates of ``first`` by trial; what a device has measured is the mean with ``second``, where there is one.

    The runs of one reading tell nothing of how another one, half a minute later and in new sessions, would differ. All
    pairs together do: the standard deviation of their logarithms' differences is 2 times that of a pair's mean. The
    interval covers that and the two readings' own; what these have in common, the anchor's error, does not average out.
    Where one of the two is noisy or missing, the other's interval covers what it would have differed by.
    """
    both = [(first[trial].metrics, second[trial].metrics) for trial in first if trial in second]
    keys = {key for a, b in both for key in a.keys() & b.keys() if is_timed(key)}
    errors = {key: error_of_means([(a[key], b[key]) for a, b in both if key in a and key in b]) for key in keys}
    return {trial: _merged(one, second.get(trial), errors) for trial, one in first.items()}


def error_of_means(pairs: Sequence[Pair]) -> float:
    """The standard deviation, relative, of the mean of two readings; 0 where no steady pair tells.

    By the differences and, as there may be few, by what the readings' own intervals let expect of them.
    """
    steady = [(a, b) for a, b in pairs if not (a.noisy or b.noisy) and min(a.value, b.value) > 0]
    if not steady:
        return 0.0
    found = math.fsum((math.log(b.value / a.value) / 2) ** 2 for a, b in steady)
    expected = math.fsum((_within((a, b)) / (Z_95 * (a.value + b.value) / 2)) ** 2 / 2 for a, b in steady)
    return math.sqrt((found + PAIRS_KNOWN * expected / len(steady)) / (len(steady) + PAIRS_KNOWN))


def mean_of(pair: Pair, error: float) -> Measurement:
    """The mean of two readings, whose standard deviation, relative, is ``error``; the steady one where one is noisy."""
    a, b = pair
    if a.noisy != b.noisy:
        return alone(b if a.noisy else a, error)
    mean = _mean_of(a, b, error)
    if not a.among or a.anchor != b.anchor:
        return mean
    own = _mean_of(a.own, b.own, error)
    return mean.shared(a.anchor, own.low, own.high)


def _mean_of(a: Measurement, b: Measurement, error: float) -> Measurement:
    value = (a.value + b.value) / 2
    below, above = (
        max(side, math.hypot(side / math.sqrt(2), Z_95 * error * value))
        for side in (_together(a.value - a.low, b.value - b.low), _together(a.high - a.value, b.high - b.value))
    )
    mean = Measurement.around(value, max(0.0, value - below), value + above, a.n + b.n, a.unit, a.noisy)
    return replace(mean, why_noisy=tuple(dict.fromkeys(a.why_noisy + b.why_noisy)))


def alone(reading: Measurement, error: float) -> Measurement:
    """A reading without a second one; ``error`` is that of a mean of two."""
    return reading.widened(math.sqrt(2) * error)


def _within(pair: Pair) -> float:
    """Half of the interval that the two readings have on the average, without what an anchor is uncertain by."""
    return _together(pair[0].own.half_width, pair[1].own.half_width)


def _together(one: float, other: float) -> float:
    """What two readings reach on the average."""
    return math.hypot(one, other) / math.sqrt(2)


def _merged(one: Candidate, other: Candidate | None, errors: Mapping[str, float]) -> Candidate:
    again = {} if other is None else other.metrics
    known = {
        key: mean_of((one.metrics[key], again[key]), error) if key in again else alone(one.metrics[key], error)
        for key, error in errors.items()
        if key in one.metrics
    }
    known = at_least_the_median(known)
    seconds = math.fsum(reading.timings.get(FINAL_SECONDS, 0.0) for reading in (one, other) if reading is not None)
    timings = {**one.timings, FINAL_SECONDS: seconds} if seconds else one.timings
    return replace(one, metrics={**one.metrics, **known}, timings=timings)
