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

TIMED = frozenset({"latency_ratio", "latency_ms", "energy_mj"})
"""Keys of metrics that a device measures, one look better than the other."""

_OTHER_KEYS = ("accuracy_change", "latency_ms", "test_accuracy", "test_accuracy_change")


def metric_key(name: str) -> str:
    """The key in ``Candidate.metrics`` of a metric; keys themselves (``latency_ms``) are accepted too.

    ``latency@pi`` is the latency on the device that the config calls ``pi``; without a name it is the first one's.

    Raises:
        ConfigError: where there is no such metric, naming the nearest.
    """
    base, at, device = name.partition("@")
    key = METRIC_KEYS.get(base, base)
    if key not in METRIC_KEYS.values() and key not in _OTHER_KEYS:
        raise ConfigError(f"no metric {name!r}{did_you_mean(base, METRIC_KEYS)}")
    if at and key not in TIMED:
        first = key == "memory_bytes"
        why = "is measured on the first device alone" if first else "does not depend on the device"
        raise ConfigError(f"metric {name!r}: {base} {why}; write {base}")
    return on_device(key, device)


def on_device(key: str, device: str) -> str:
    """The key of what a device of that name measures; ``""`` is the only or the first one."""
    return f"{key}@{device}" if device else key


def device_of(name: str) -> str:
    """The device that the name or key of a metric is about; ``""`` where it names none."""
    return name.partition("@")[2]


def on_any_device(name: str) -> str:
    """The name or key of a metric without the device."""
    return name.partition("@")[0]


def is_timed(key: str) -> bool:
    """Whether a device measures it, so that another look knows better."""
    return on_any_device(key) in TIMED


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
    return 1.0 if on_any_device(key) == METRIC_KEYS["latency"] else value_of(uncompressed, key)


def minimised(candidate: Candidate, name: str) -> float:
    """The value of a metric with its sign turned where higher is better, so that lower is always better."""
    value = value_of(candidate, name)
    return -value if higher_is_better(name) else value


def costs_of(candidate: Candidate, names: Sequence[str]) -> tuple[float, ...]:
    """The values of several metrics, all minimised."""
    return tuple(minimised(candidate, name) for name in names)
