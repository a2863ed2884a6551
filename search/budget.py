"""Budgets: constraints such as ``latency <= 0.5x``, read from text; costs are judged by their upper bound."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..spaces import ConfigError
from .candidate import Candidate
from .metrics import (
    METRIC_KEYS,
    device_of,
    higher_is_better,
    measurement_of,
    metric_key,
    on_any_device,
    on_device,
    value_of,
    whole_of,
)

FORMS = (
    "latency <= 0.5x, latency <= 2.5ms, size <= 300KB, accuracy >= -1.0pt, accuracy >= 0.9, macs <= 40M, params <= 1M, "
    "memory <= 10MB, latency@pi <= 30ms"
)

_UNITS: dict[str, dict[str, float]] = {
    "latency_ms": {"us": 1e-3, "ms": 1.0, "s": 1e3},
    "size_bytes": {"b": 1, "kb": 1e3, "mb": 1e6, "gb": 1e9, "kib": 2**10, "mib": 2**20, "gib": 2**30},
    "macs": {"": 1, "k": 1e3, "m": 1e6, "g": 1e9},
    "params": {"": 1, "k": 1e3, "m": 1e6, "g": 1e9},
    "energy_mj": {"uj": 1e-3, "mj": 1.0, "j": 1e3},
}
_UNITS["memory_bytes"] = _UNITS["size_bytes"]
_PATTERN = re.compile(
    r"\s*(?P<metric>\w+(?:@[\w-]+)?)\s*(?P<comparator><=|>=|≤|≥|<|>|==|=)\s*"
    r"(?P<sign>[+-]?)(?P<amount>[0-9]*\.?[0-9]+(?:e[+-]?\d+)?)\s*(?P<unit>[a-z%]*)\s*",
    re.IGNORECASE,
)
_POINT = 0.01
_ACCURACY_SCALE = 0.1


@dataclass(frozen=True)
class Budget:
    """A bound on one metric.

    A cost is judged by the upper bound of its 95 % interval: what is returned for ``latency <= 0.5x`` is within 0.5x
    all but surely, not half of the time. Accuracy is judged by its value: on a few thousand images even the interval
    of the paired change is wider than the point or half that users ask for, and would refuse nearly everything; it
    is reported beside the value instead.

    Attributes:
        metric: the name as users write it, e.g. ``"latency"``.
        at_most: whether the bound is an upper one (``<=``) or a lower one (``>=``).
        amount: the bound, in the metric's own unit (milliseconds, bytes, fraction), or as a share of the uncompressed
            model's value, or for accuracy as the change against it.
        relative: whether ``amount`` is relative to the uncompressed model.
        text: the budget as it was written.
    """

    metric: str
    at_most: bool
    amount: float
    relative: bool
    text: str

    @classmethod
    def parse(cls, text: str) -> Budget:
        """Read a budget.

        Costs (latency, size, memory, macs, params, energy) take ``<=`` and an amount with a unit (``us ms s``;
        ``B KB MB KiB MiB``; ``K M G``) or a share of the uncompressed model's (``0.5x``, ``50%``). Accuracy takes
        ``>=`` and a fraction (``0.9``, ``90%``) or a change in points with its sign (``-1.0pt``: at most one lost).

        Raises:
            ConfigError: naming the accepted forms, or the nearest metric.
        """
        match = _PATTERN.fullmatch(text) if isinstance(text, str) else None
        if match is None:
            raise ConfigError(f"budget {text!r} does not parse; accepted forms: {FORMS}")
        metric, comparator, sign, digits, unit = match.groups()
        name, at, device = metric.partition("@")
        metric, unit, amount = name.lower() + at + device, unit.lower(), float(sign + digits)
        metric_key(metric)
        if name.lower() not in METRIC_KEYS:
            raise ConfigError(f"budget {text!r}: no budgets on {metric!r}; accepted forms: {FORMS}")
        at_most = not higher_is_better(metric)
        wanted = "<=" if at_most else ">="
        if comparator.replace("≤", "<=").replace("≥", ">=") != wanted:
            better = "lower" if at_most else "higher"
            raise ConfigError(f"budget {text!r}: {metric} is better when {better}; write {metric} {wanted} …")
        if at_most:
            amount, relative = _cost(text, metric, amount, unit)
        else:
            amount, relative = _accuracy(text, amount, unit, signed=bool(sign))
        return cls(metric, at_most, amount, relative, " ".join(text.split()))

    def violation(self, candidate: Candidate, baseline: Candidate) -> float:
        """By how much the budget is missed; zero or less is feasible.

        Violations of different metrics can be compared and added: one of a cost is its share over the bound (0.2 is
        20 % too much), one of accuracy is in units of ten points (0.2 is 2 points too little).
        """
        measured = self.measured(candidate, baseline)
        if self.at_most:
            return (measured - self.amount) / self.amount
        return (self.amount - measured) / _ACCURACY_SCALE

    def value_at(self, violation: float, baseline: Candidate) -> float:
        """What is judged of a candidate that misses the budget by so much, lower being better.

        Of a cost the share of the uncompressed model's, of accuracy the value with its sign turned. At 0 the bound.
        """
        if self.at_most:
            return self.share_of(baseline) * (1 + violation)
        accuracy = self.amount - violation * _ACCURACY_SCALE
        return -(accuracy + value_of(baseline, "accuracy") if self.relative else accuracy)

    def met(self, candidate: Candidate, baseline: Candidate) -> bool:
        return self.violation(candidate, baseline) <= 0

    def measured(self, candidate: Candidate, baseline: Candidate) -> float:
        """What the candidate is judged to have, in the terms of ``amount``: the upper bound of a cost, else the value.

        The paired ``accuracy_change`` and the interleaved ``latency_ratio`` are preferred to ratios of separate
        measurements.

        Raises:
            ConfigError: where the metric was not measured.
        """
        if self.at_most:
            return measurement_of(candidate, self._key).high / self._unit(baseline)
        if not self.relative:
            return value_of(candidate, self.metric)
        if "accuracy_change" in candidate.metrics:
            return value_of(candidate, "accuracy_change")
        return value_of(candidate, "accuracy") - value_of(baseline, "accuracy")

    def share_of(self, baseline: Candidate) -> float:
        """The bound of a cost as a share of the uncompressed model's."""
        return self.amount if self.relative else self.amount / value_of(baseline, self._absolute_key)

    def describe(self, candidate: Candidate, baseline: Candidate) -> str:
        """What the candidate is judged to have, for messages: ``latency up to 0.61x (needs 0.5x)``.

        ``up to`` is left out where the cost was counted and has no interval.
        """
        judged = self.measured(candidate, baseline)
        sampled = self.at_most and judged > measurement_of(candidate, self._key).value / self._unit(baseline)
        has = f"{self.metric} {'up to ' if sampled else ''}{self._show(judged)}"
        return has if self.met(candidate, baseline) else f"{has} (needs {self._show(self.amount)})"

    @property
    def _key(self) -> str:
        """The measurement that a cost is judged by."""
        return metric_key(self.metric) if self.relative else self._absolute_key

    def _unit(self, baseline: Candidate) -> float:
        """What ``amount`` counts in: the uncompressed model's value for a share; latency is measured as one."""
        return whole_of(baseline, self._key) if self.relative else 1.0

    @property
    def _absolute_key(self) -> str:
        return _absolute(self.metric)

    def _show(self, amount: float) -> str:
        if self.relative:
            return f"{amount:.3g}x" if self.at_most else f"{amount / _POINT:+.2f} pt"
        if not self.at_most:
            return f"{amount:.4g}"
        unit, size = _readable(amount, _UNITS[on_any_device(self._absolute_key)])
        return f"{amount / size:.4g} {unit}".rstrip()

    def __str__(self) -> str:
        return self.text


def _absolute(metric: str) -> str:
    """The key of a metric in its own unit, where budgets on a share of it are judged by another one."""
    key = metric_key(metric)
    return on_device("latency_ms", device_of(metric)) if on_any_device(key) == METRIC_KEYS["latency"] else key


def _cost(text: str, metric: str, amount: float, unit: str) -> tuple[float, bool]:
    if amount <= 0:
        raise ConfigError(f"budget {text!r}: expected an amount above zero; accepted forms: {FORMS}")
    if unit == "x":
        return amount, True
    if unit == "%":
        return amount / 100, True
    units = _UNITS[on_any_device(_absolute(metric))]
    if unit not in units:
        known = ", ".join(repr(name) for name in units if name)
        what = f"unit {unit!r} for {metric}" if unit else f"a unit for {metric}"
        raise ConfigError(f"budget {text!r}: expected {what} among {known}, 'x' or '%'; accepted forms: {FORMS}")
    return amount * units[unit], False


def _accuracy(text: str, amount: float, unit: str, signed: bool) -> tuple[float, bool]:
    if unit == "pt":
        if not signed:
            raise ConfigError(f"budget {text!r}: write the sign of a change; -{amount:g}pt is a loss of {amount:g} pt")
        return amount * _POINT, True
    share = amount / 100 if unit == "%" else amount
    if unit not in ("", "%"):
        raise ConfigError(f"budget {text!r}: no unit {unit!r} for accuracy; accepted forms: {FORMS}")
    if not 0 <= share <= 1:
        raise ConfigError(f"budget {text!r}: accuracy is a fraction between 0 and 1; write 0.9, 90% or -1.0pt")
    return share, False


def _readable(amount: float, units: dict[str, float]) -> tuple[str, float]:
    """The largest decimal unit that leaves at least one whole of it, and its size."""
    decimal = [(name, size) for name, size in units.items() if "i" not in name]
    name, size = max((u for u in decimal if u[1] <= abs(amount)), key=lambda u: u[1], default=decimal[0])
    return (name if name in ("us", "ms", "s", "mj", "uj") else name.upper()), size
