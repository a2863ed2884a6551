"""Names of metrics: what a config and a budget call them, which measurement they mean, which way is better."""

from __future__ import annotations

from collections.abc import Sequence

from ..evaluators import Measurement
from ..spaces import ConfigError
from ..spaces.messages import did_you_mean
from .candidate import HIGHER_IS_BETTER, Candidate

METRIC_KEYS = {
    "accuracy": "accuracy",
    "latency": "latency_ratio",
    "size": "size_bytes",
    "macs": "macs",
    "params": "params",
    "memory": "memory_bytes",
    "energy": "energy_mj",
}
"""Key in ``Candidate.metrics`` by the name that users write. Latency is judged by its ratio to the uncompressed model,
measured interleaved with it: unlike milliseconds it does not drift with the machine's load and clock."""

_OTHER_KEYS = ("accuracy_change", "latency_ms", "test_accuracy", "test_accuracy_change")


def metric_key(name: str) -> str:
    """The key in ``Candidate.metrics`` of a metric; keys themselves (``latency_ms``) are accepted too.

    Raises:
        ConfigError: where there is no such metric, naming the nearest.
    """
    if name in METRIC_KEYS:
        return METRIC_KEYS[name]
    if name in METRIC_KEYS.values() or name in _OTHER_KEYS:
        return name
    raise ConfigError(f"no metric {name!r}{did_you_mean(name, METRIC_KEYS)}")


def higher_is_better(name: str) -> bool:
    return metric_key(name) in HIGHER_IS_BETTER


def quality_of(names: Sequence[str]) -> int | None:
    """Which of these metrics is a quality, higher being better; the first, or None where all are costs."""
    return next((index for index, name in enumerate(names) if higher_is_better(name)), None)


def measurement_of(candidate: Candidate, name: str) -> Measurement:
    """The measurement of a metric, in its own unit and direction.

    Raises:
        ConfigError: where the candidate has no such measurement.
    """
    key = metric_key(name)
    if key not in candidate.metrics:
        raise ConfigError(f"{name!r} was not measured for {candidate.label}; measured: {', '.join(candidate.metrics)}")
    return candidate.metrics[key]


def value_of(candidate: Candidate, name: str) -> float:
    """The measured value of a metric, as :func:`measurement_of` finds it."""
    return measurement_of(candidate, name).value


def whole_of(uncompressed: Candidate, key: str) -> float:
    """What shares of a cost are of: the uncompressed model's value, or 1 where the metric is such a share already."""
    return 1.0 if key == METRIC_KEYS["latency"] else value_of(uncompressed, key)


def minimised(candidate: Candidate, name: str) -> float:
    """The value of a metric with its sign turned where higher is better, so that lower is always better."""
    value = value_of(candidate, name)
    return -value if higher_is_better(name) else value


def costs_of(candidate: Candidate, names: Sequence[str]) -> tuple[float, ...]:
    """The values of several metrics, all minimised."""
    return tuple(minimised(candidate, name) for name in names)
