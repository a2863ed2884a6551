"""Inputs in a second and the speed-up: what a latency tells the other way round."""

from __future__ import annotations

from collections.abc import Mapping

from .measurement import Measurement
from .metric import BATCH, RECIPROCALS, Metric, device_of, is_timed, on_device


def with_reciprocals(metrics: Mapping[str, Measurement]) -> dict[str, Measurement]:
    """The measurements of a candidate, and behind them the reciprocals of latencies (``fps``, ``speedup``)."""
    devices = dict.fromkeys(device_of(key) for key in metrics if is_timed(key))
    named = [metric.on(device) for device in devices for metric in RECIPROCALS.values()]
    return {
        **metrics,
        **{m.key: reciprocal(metrics[m.reciprocal_of], m, metrics) for m in named if m.reciprocal_of in metrics},
    }


def batch_of(metrics: Mapping[str, Measurement], device: str = "") -> float:
    """Inputs in one timed run."""
    marked = metrics.get(on_device(BATCH, device))
    return marked.value if marked is not None else 1.0


def reciprocal(measured: Measurement, metric: Metric, metrics: Mapping[str, Measurement]) -> Measurement:
    """Its bounds are the reciprocals of the bounds, the other way round."""
    scale = 1.0
    if measured.unit == "ms":
        scale = 1000.0 * batch_of(metrics, device_of(metric.key))
    found = _turned(measured, scale, metric.unit)
    if not measured.among:
        return found
    own = _turned(measured.own, scale, metric.unit)
    return found.shared(measured.anchor, own.low, own.high)


def _turned(measured: Measurement, scale: float, unit: str) -> Measurement:
    low = max(measured.low, 1e-9 * measured.value)
    return Measurement.around(
        scale / measured.value, scale / measured.high, scale / low, measured.n, unit, measured.noisy
    )
