"""No percentile above the median has an interval that reaches below it."""

from __future__ import annotations

from parefront.evaluators.results.measurement import Measurement
from parefront.evaluators.results.percentiles import at_least_the_median


def test_higher_percentiles_are_at_least_the_median_of_the_same_device() -> None:
    metrics = {
        "p50_ms": Measurement(1.0, 0.9, 1.1, 64, "ms"),
        "p95_ms": Measurement(1.2, 0.8, 1.6, 64, "ms"),
        "p99_ms@pi": Measurement(9.0, 2.0, 12.0, 64, "ms"),
        "p50_ms@pi": Measurement(6.0, 5.0, 7.0, 64, "ms"),
        "latency_ms": Measurement(1.0, 0.5, 1.5, 64, "ms"),
    }
    found = at_least_the_median(metrics)
    assert found["p95_ms"] == Measurement(1.2, 1.0, 1.6, 64, "ms")
    assert found["p99_ms@pi"].low == 6.0
    assert {key: found[key] for key in ("p50_ms", "latency_ms")} == {
        key: metrics[key] for key in ("p50_ms", "latency_ms")
    }


def test_without_a_median_they_stay_as_they_are() -> None:
    alone = {"p99_ms": Measurement(1.2, 0.8, 1.6, 64, "ms")}
    assert at_least_the_median(alone) == alone
