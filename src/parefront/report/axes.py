"""The metrics that a page can put on an axis: the qualities and costs that candidates of a run were measured in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ..evaluators.results.candidate import Candidate
from ..evaluators.results.fronts.front import Front
from ..evaluators.results.metric import BY_KEY, Metric, device_of, on_any_device
from ..evaluators.results.reciprocals import with_reciprocals

_COSTS = ("latency_ratio", "latency_ms", "p99_ms", "size_bytes", "macs", "params", "memory_bytes", "energy_mj")
_SPLITS = (("", ", search split"), ("test_", ", test split"))
_LABELS = {
    "latency_ratio": "latency, x of uncompressed",
    "latency_ms": "latency, ms",
    "p99_ms": "p99 latency, ms",
    "macs": "MACs",
    "params": "parameters",
}


@dataclass(frozen=True)
class Axis:
    """One metric as a page shows it.

    Attributes:
        key: of its measurements.
        label: for the axis.
        unit: of its measurements.
        higher_is_better: its direction.
        quality: whether it says how good the outputs are; all others are costs.
        change: whether it is a difference to the uncompressed model.
    """

    key: str
    label: str
    unit: str
    higher_is_better: bool
    quality: bool
    change: bool = False

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def axes_of(front: Front, candidates: Sequence[Candidate]) -> tuple[Axis, ...]:
    """The metrics that the uncompressed model or a candidate has a measurement of.

    The task's own metric is first, then the objectives, then all other costs; every cost on every device.
    """
    measured = dict.fromkeys(
        key for candidate in (front.baseline, *candidates) for key in with_reciprocals(candidate.metrics)
    )
    return tuple(axis for axis in (*_qualities(front.quality), *_costs(front, measured)) if axis.key in measured)


def _qualities(quality: Metric) -> list[Axis]:
    unit, up = quality.unit, quality.higher_is_better
    own = [Axis(f"{split}{quality.key}", f"{quality.name}{where}", unit, up, True) for split, where in _SPLITS]
    against = [
        Axis(f"{split}{quality.key}_change", f"{quality.name} change{where}", unit, up, True, change=True)
        for split, where in _SPLITS
    ]
    return [*own, *against]


def _costs(front: Front, measured: Iterable[str]) -> list[Axis]:
    objectives = [metric for metric in (*front.objectives, *front.shown) if not metric.is_quality]
    known = [_cost(metric) for metric in objectives]
    for base in _COSTS:
        metric = BY_KEY[base]
        known += [_cost(metric.on(device_of(key))) for key in measured if on_any_device(key) == base]
    return list({axis.key: axis for axis in known}.values())


def _cost(metric: Metric) -> Axis:
    where = f" on {device_of(metric.key)}" if device_of(metric.key) else ""
    named = _LABELS.get(on_any_device(metric.key), on_any_device(metric.name))
    name, comma, unit = named.partition(",")
    return Axis(metric.key, f"{name}{where}{comma}{unit}", metric.unit, metric.higher_is_better, False)
