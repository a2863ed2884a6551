"""Percentiles of single runs: what is known of the higher ones by the median."""

from __future__ import annotations

from collections.abc import Mapping

from .measurement import Measurement
from .metric import device_of, on_any_device, on_device

MEDIAN = "p50_ms"
HIGHER = ("p95_ms", "p99_ms")
"""Percentiles beside the median, by the keys of their measurements."""


def at_least_the_median(metrics: Mapping[str, Measurement]) -> dict[str, Measurement]:
    """The measurements, the intervals of higher percentiles without what lies below the median of the same runs.

    A percentile of few runs has a long interval, and so has the mean of two readings that differ. Of whatever
    distribution, the 99th percentile is no less than the median.
    """
    found = dict(metrics)
    for key in metrics:
        median = metrics.get(on_device(MEDIAN, device_of(key)))
        if on_any_device(key) in HIGHER and median is not None:
            found[key] = metrics[key].not_below(median.value)
    return found
