"""A metric: what it is called, where its measurement is found, its unit, which way is better; the ones built in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

Units = tuple[tuple[str, float], ...]

_BYTES: Units = (("b", 1), ("kb", 1e3), ("mb", 1e6), ("gb", 1e9), ("kib", 2**10), ("mib", 2**20), ("gib", 2**30))
_COUNTS: Units = (("", 1), ("k", 1e3), ("m", 1e6), ("g", 1e9))

TEST = "test_"
"""Before the key of a quality: what it is on the test split."""

FRACTION, SCORE = "fraction", "score"
"""Units of qualities: a share of something, from 0 to 1; and a number that has no unit."""
POINT = 0.01
"""One point of a fraction."""
USEFUL_POINTS = 10
"""Points lost at which the default reference of the hypervolume stands: more is of no use."""
TENTH, TWICE = 0.1, 1.0
"""The same of a quality without points, as a share of the uncompressed model's: of one that is better when higher
it is a tenth; one that is better when lower, an error, may be twice as great."""
TEN_POINTS = USEFUL_POINTS * POINT
"""Ten points of a fraction; and what is of use where there is nothing that a share could be of."""


class Kind(StrEnum):
    """How a metric comes about.

    A quality is scored on a split, a counted cost is known exactly once the network is built, a timed one is read on a
    device, so that another reading knows better, and memory is read on the first device alone.
    """

    QUALITY = "quality"
    COUNTED = "counted"
    TIMED = "timed"
    MEMORY = "memory"


@dataclass(frozen=True)
class Metric:
    """One metric.

    Attributes:
        name: as users write it, e.g. ``"latency"``; on a named device ``"latency@pi"``.
        key: of its measurement in ``Candidate.metrics``, in JSON and in CSV.
        unit: of that measurement: ``"fraction"`` (from 0 to 1), ``"score"`` (a quality without a unit) or a quality's
            own (``"dB"``), ``"x"``, ``"ms"``, ``"bytes"``, ``"MACs"``, ``"parameters"``, ``"mJ"``.
        kind: how it comes about.
        higher_is_better: its direction.
        absolute_key: of the measurement that bounds in its own unit are about, where that is another one.
        units: what such bounds are written in, each with its size in the measurement's unit.
        point: of a quality, what one point of it is in its unit: 0.01 of a fraction. Budgets may then bound the change
            against the uncompressed model (``-1.0pt``), and ten points are the loss that is still of use. 0 where
            losses are told as shares of the uncompressed model's value.
        reciprocal_of: key of the measurement that it is the reciprocal of, up to a factor; ``""`` for one that is
            measured itself. Nothing of it is stored: what the other says of a candidate says it all.
    """

    name: str
    key: str
    unit: str
    kind: Kind
    higher_is_better: bool = False
    absolute_key: str = ""
    units: Units = ()
    point: float = 0.0
    reciprocal_of: str = ""

    @property
    def searched(self) -> Metric:
        """What a search minimises in its place: the latency for a reciprocal of it; else itself."""
        return LATENCY.on(self.name.partition("@")[2]) if self.reciprocal_of else self

    @property
    def is_quality(self) -> bool:
        """Whether it says how good the outputs are, in either direction; all others are costs."""
        return self.kind is Kind.QUALITY

    @property
    def is_fraction(self) -> bool:
        """Whether it lies between 0 and 1: shown in per cent."""
        return self.unit == FRACTION

    @property
    def sign(self) -> float:
        """What its values are multiplied by so that lower is better."""
        return -1.0 if self.higher_is_better else 1.0

    @property
    def worded(self) -> str:
        """Its name, unit and direction, for axes: ``"psnr, dB (higher is better)"``."""
        return f"{self.named} ({'higher' if self.higher_is_better else 'lower'} is better)"

    @property
    def named(self) -> str:
        """Its name, with the unit of a quality that has one of its own: ``"psnr, dB"``."""
        return self.name if self.unit in (FRACTION, SCORE) else f"{self.name}, {self.unit}"

    @property
    def tested(self) -> Metric:
        """The same quality on the test split, which the final step scores."""
        return replace(self, name=f"{TEST}{self.name}", key=f"{TEST}{self.key}")

    def on(self, device: str) -> Metric:
        """The same on a named device; ``""`` is the only or the first one."""
        if not device:
            return self
        absolute = f"{self.absolute_key}@{device}" if self.absolute_key else ""
        whole = f"{self.reciprocal_of}@{device}" if self.reciprocal_of else ""
        name, key = f"{self.name}@{device}", f"{self.key}@{device}"
        return replace(self, name=name, key=key, absolute_key=absolute, reciprocal_of=whole)

    def useful_loss(self, uncompressed: float) -> float:
        """By how much a quality may be worse than the uncompressed model's, of this value, and still be of use.

        What a loss is measured in wherever it is weighed against a cost; above zero.
        """
        if self.point:
            return USEFUL_POINTS * self.point
        return (TENTH if self.higher_is_better else TWICE) * abs(uncompressed) or TEN_POINTS

    def to_json(self) -> dict[str, Any]:
        """What a run keeps of its task's metric."""
        fields = {"name": self.name, "higher_is_better": self.higher_is_better, "unit": self.unit}
        return fields if self.point == _point_of(self.unit) else {**fields, "point": self.point}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Metric:
        """The inverse of :meth:`to_json`."""
        point = fields.get("point")
        return score(
            str(fields["name"]),
            bool(fields["higher_is_better"]),
            str(fields["unit"]),
            None if point is None else float(point),
        )


def score(name: str, higher_is_better: bool, unit: str = SCORE, point: float | None = None) -> Metric:
    """A quality: its name is its key; by default a fraction has points of 0.01, and all others have none."""
    return Metric(name, name, unit, Kind.QUALITY, higher_is_better, point=_point_of(unit) if point is None else point)


def _point_of(unit: str) -> float:
    return POINT if unit == FRACTION else 0.0


ACCURACY = score("accuracy", higher_is_better=True, unit=FRACTION)
"""Top-1 accuracy: the metric of a task that names no other."""

QUALITY_NAMES = ("accuracy", "quality")
"""What every task's metric may be called in configs, budgets and options, beside its own name."""

_TIMES: Units = (("us", 1e-3), ("ms", 1.0), ("s", 1e3))

LATENCY = Metric("latency", "latency_ratio", "x", Kind.TIMED, absolute_key="latency_ms", units=_TIMES)
"""Judged by its ratio to the uncompressed model, measured interleaved with it: unlike milliseconds it does not drift
with the machine's load and clock."""
LATENCY_MS = Metric("latency_ms", "latency_ms", "ms", Kind.TIMED)

COSTS: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        LATENCY,
        Metric("p99", "p99_ms", "ms", Kind.TIMED, units=_TIMES),
        Metric("size", "size_bytes", "bytes", Kind.COUNTED, units=_BYTES),
        Metric("macs", "macs", "MACs", Kind.COUNTED, units=_COUNTS),
        Metric("params", "params", "parameters", Kind.COUNTED, units=_COUNTS),
        Metric("memory", "memory_bytes", "bytes", Kind.MEMORY, units=_BYTES),
        Metric("energy", "energy_mj", "mJ", Kind.TIMED, units=(("uj", 1e-3), ("mj", 1.0), ("j", 1e3))),
    )
}
"""The costs that are built in, by name."""

RECIPROCALS: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("fps", "fps", "1/s", Kind.TIMED, higher_is_better=True, reciprocal_of="latency_ms"),
        Metric("speedup", "speedup", "x", Kind.TIMED, higher_is_better=True, reciprocal_of="latency_ratio"),
    )
}
"""Latency written the other way round: inputs a second, one batch behind the other, and how many times as fast as the
uncompressed model. As an objective or a budget each means the latency that it is the reciprocal of."""
BATCH = "batch"
"""Key of the inputs in one timed run; there only where they are more than one."""

BY_KEY: Mapping[str, Metric] = {metric.key: metric for metric in (*COSTS.values(), LATENCY_MS)}
"""Costs by the key of their measurement, which is understood as a name, too."""

_TIMED = frozenset(key for key, metric in BY_KEY.items() if metric.kind is Kind.TIMED) | {"p50_ms", "p95_ms"}


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
    return on_any_device(key) in _TIMED
