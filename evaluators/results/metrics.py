"""Which metric a name means, and what was measured of it: values in their own direction, and all minimised."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import replace

from ...spaces.errors import ConfigError
from ...spaces.messages import did_you_mean
from .candidate import Candidate
from .measurement import Measurement
from .metric import (
    ACCURACY,
    BY_KEY,
    COSTS,
    LATENCY,
    QUALITY_NAMES,
    RECIPROCALS,
    Kind,
    Metric,
    on_any_device,
    score,
)
from .reciprocals import reciprocal

Named = str | Metric
"""A metric, or the name of one that is built in."""

_TYPO = 0.8
"""From this likeness on, a name is taken for a misspelt one before it is known what the task's metric is called."""


def metric_of(name: Named, quality: Metric | None = ACCURACY) -> Metric:
    """The metric of that name; keys (``latency_ms``) are names, too.

    ``latency@pi`` is the latency on the device that the config calls ``pi``; without a name it is the first one's.

    Args:
        name: as users write it; ``accuracy`` and ``quality`` mean the task's own metric, whatever that is called.
        quality: the task's own metric. None while no task is known: whatever is not built in is then taken for it, with
            a direction that is nobody's, so that nothing may be compared by it.

    Raises:
        ConfigError: where there is no such metric, naming the nearest.
    """
    if isinstance(name, Metric):
        return name
    base, at, device = name.partition("@")
    built_in = COSTS.get(base) or BY_KEY.get(base) or RECIPROCALS.get(base)
    found = built_in or (_unknown(base) if quality is None else _quality(base, quality))
    if found is None:
        own = quality.name if quality is not None else ACCURACY.name
        raise ConfigError(f"no metric {name!r}{did_you_mean(base, [own, *COSTS, *RECIPROCALS])}")
    if at and found.kind is not Kind.TIMED:
        first = found.kind is Kind.MEMORY
        why = "is measured on the first device alone" if first else "does not depend on the device"
        raise ConfigError(f"metric {name!r}: {base} {why}; write {base}")
    return found.on(device)


def _quality(name: str, quality: Metric) -> Metric | None:
    """The task's own metric, its change against the uncompressed model, or either on the test split."""
    for own in (quality.name, *QUALITY_NAMES):
        for before in ("", "test_"):
            for behind in ("", "_change"):
                if name == f"{before}{own}{behind}":
                    key = f"{before}{quality.key}{behind}"
                    return replace(quality, name=key, key=key) if before or behind else quality
    return None


def _unknown(name: str) -> Metric:
    """A metric that only the task can tell of.

    Raises:
        ConfigError: where the name is all but that of one that is built in.
    """
    near = difflib.get_close_matches(name, [ACCURACY.name, *COSTS, *RECIPROCALS], n=1, cutoff=_TYPO)
    if near and near[0] != name:
        raise ConfigError(f"no metric {name!r}; did you mean {near[0]!r}? (the task's own is understood as 'quality')")
    return score(name, higher_is_better=True)


def metric_key(name: Named) -> str:
    """The key in ``Candidate.metrics`` of a metric, as :func:`metric_of` finds it."""
    return metric_of(name).key


def quality_of(names: Sequence[Named]) -> int | None:
    """Which of these metrics is a quality; the first, or None where all are costs."""
    return next((index for index, name in enumerate(names) if metric_of(name).is_quality), None)


def measurement_of(candidate: Candidate, name: Named) -> Measurement:
    """The measurement of a metric, in its own unit and direction.

    Raises:
        ConfigError: where the candidate has no such measurement.
    """
    metric = metric_of(name)
    key = metric.reciprocal_of or metric.key
    if key not in candidate.metrics:
        measured = ", ".join(candidate.metrics)
        raise ConfigError(f"{metric.name!r} was not measured for {candidate.label}; measured: {measured}")
    measurement = candidate.metrics[key]
    return reciprocal(measurement, metric, candidate.metrics) if metric.reciprocal_of else measurement


def value_of(candidate: Candidate, name: Named) -> float:
    """The measured value of a metric, as :func:`measurement_of` finds it."""
    return measurement_of(candidate, name).value


def whole_of(uncompressed: Candidate, key: str) -> float:
    """What shares of a cost are of: the uncompressed model's value, or 1 where the metric is such a share already."""
    return 1.0 if on_any_device(key) == LATENCY.key else value_of(uncompressed, key)


def minimised(candidate: Candidate, name: Named) -> float:
    """The value of a metric with its sign turned where higher is better, so that lower is always better.

    Of a reciprocal of the latency that is the latency itself.
    """
    metric = metric_of(name).searched
    value = value_of(candidate, metric)
    return -value if metric.higher_is_better else value


def costs_of(candidate: Candidate, names: Sequence[Named]) -> tuple[float, ...]:
    """The values of several metrics, all minimised."""
    return tuple(minimised(candidate, name) for name in names)


def useful_losses(baseline: Candidate, names: Sequence[Named]) -> tuple[float | None, ...]:
    """By how much each quality among the metrics may be worse than the uncompressed model's; None of costs."""
    metrics = [metric_of(name) for name in names]
    return tuple(m.useful_loss(value_of(baseline, m)) if m.is_quality else None for m in metrics)
