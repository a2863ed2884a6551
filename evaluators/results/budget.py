"""Budgets: constraints such as ``latency <= 0.5x``, read from text; costs are judged by their upper bound."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass

from ...spaces.errors import ConfigError
from .candidate import Candidate
from .measurement import Measurement
from .metric import (
    ACCURACY,
    COSTS,
    LATENCY,
    QUALITY_NAMES,
    RECIPROCALS,
    SCORE,
    Metric,
    Units,
    device_of,
    on_any_device,
    score,
)
from .metrics import measurement_of, metric_of, value_of, whole_of
from .reciprocals import batch_of
from .views.written import worded

FORMS = (
    "latency <= 0.5x, latency <= 2.5ms, size <= 300KB, accuracy >= -1.0pt, accuracy >= 0.9, macs <= 40M, params <= 1M, "
    "memory <= 10MB, latency@pi <= 30ms, p99 <= 5ms, fps >= 30, speedup >= 2x"
)

_PATTERN = re.compile(
    r"\s*(?P<metric>\w+(?:@[\w-]+)?)\s*(?P<comparator><=|>=|≤|≥|<|>|==|=)\s*"
    r"(?P<sign>[+-]?)(?P<amount>[0-9]*\.?[0-9]+(?:e[+-]?\d+)?)\s*(?P<unit>[a-z%]*)\s*",
    re.IGNORECASE,
)
MILLISECONDS = 1000.0
"""In a second."""


@dataclass(frozen=True)
class Budget:
    """A bound on one metric.

    A cost is judged by the upper bound of its 95 % interval: what is returned for ``latency <= 0.5x`` is within 0.5x
    all but surely, not half of the time. A quality is judged by its value: on a few thousand images even the interval
    of the paired change is wider than the point or half that users ask for, and would refuse nearly everything; it
    is reported beside the value instead. Where the final step has scored the test split, the bound must hold there,
    too: the value on the search split is that of the best of many, and so flatters. Among what holds on both splits
    the search split alone ranks, so that the test split is never what a candidate is chosen by.

    Attributes:
        metric: what is bounded.
        amount: the bound, in the metric's own unit (milliseconds, bytes, fraction), or as a share of the uncompressed
            model's value, or of a quality as the change against it, in the metric's unit.
        relative: whether ``amount`` is relative to the uncompressed model.
        text: the budget as it was written.
        is_change: whether a relative ``amount`` is a change, and no share.
        written: the reciprocal of the latency that it was written in (``fps``, ``speedup``), where it was; ``metric``
            and ``amount`` are the latency then, of one input.
    """

    metric: Metric
    amount: float
    relative: bool
    text: str
    is_change: bool = False
    written: Metric | None = None

    @classmethod
    def parse(cls, text: str, quality: Metric | None = ACCURACY) -> Budget:
        """Read a budget.

        Costs (latency, size, memory, macs, params, energy) take ``<=`` and an amount with a unit (``us ms s``;
        ``B KB MB KiB MiB``; ``K M G``) or a share of the uncompressed model's (``0.5x``, ``50%``). ``fps`` and
        ``speedup`` take ``>=``, and mean the latency that they are the reciprocal of. The task's metric takes
        ``>=`` or ``<=``, as it is better when higher or lower, and a number (of a fraction ``0.9`` or ``90%``, of
        others ``30``, ``30dB``), a share of the uncompressed model's (``0.98x``) or, where it has points, a change
        with its sign (``-1.0pt``: at most one lost); it may be called ``accuracy`` or ``quality``, too.

        Args:
            text: the budget.
            quality: the task's own metric. None while no task is known: of a budget on a quality nothing is then
                checked but its form, and no candidate can be judged by it.

        Raises:
            ConfigError: naming the accepted forms, or the nearest metric.
        """
        match = _PATTERN.fullmatch(text) if isinstance(text, str) else None
        if match is None:
            raise ConfigError(f"budget {text!r} does not parse; accepted forms: {FORMS}")
        name, comparator, sign, digits, unit = match.groups()
        base, at, device = name.partition("@")
        base, unit, number, text = base.lower(), unit.lower(), float(sign + digits), " ".join(text.split())
        if math.isinf(number):
            raise ConfigError(f"budget {text!r}: expected a number that is finite; accepted forms: {FORMS}")
        metric = metric_of(base + at + device, quality)
        if metric.is_quality and quality is None:
            return cls(score(base, comparator in (">=", "≥")), number, False, text)
        if base not in {*COSTS, *RECIPROCALS, *QUALITY_NAMES, quality.name if quality is not None else ""}:
            raise ConfigError(f"budget {text!r}: no budgets on {base!r}; accepted forms: {FORMS}")
        wanted = ">=" if metric.higher_is_better else "<="
        if comparator.replace("≤", "<=").replace("≥", ">=") != wanted:
            better = "higher" if metric.higher_is_better else "lower"
            raise ConfigError(f"budget {text!r}: {metric.name} is better when {better}; write {metric.name} {wanted} …")
        if metric.reciprocal_of:
            amount, relative = _reciprocal(text, metric, number, unit)
            return cls(metric.searched, amount, relative, text, written=metric)
        if not metric.is_quality:
            return cls(metric, *_cost(text, metric, number, unit), text)
        if unit == "pt" and metric.point:
            return cls(metric, _change(text, metric, number, signed=bool(sign)), True, text, is_change=True)
        read = _fraction if metric.is_fraction and unit != "x" else _score
        return cls(metric, *read(text, metric, number, unit), text)

    @property
    def at_most(self) -> bool:
        """Whether the bound is an upper one (``<=``) or a lower one (``>=``)."""
        return not self.metric.higher_is_better

    @property
    def is_cost(self) -> bool:
        """Whether it bounds a cost; else it bounds the task's own metric."""
        return not self.metric.is_quality

    def violation(self, candidate: Candidate, baseline: Candidate, tested: bool = True) -> float:
        """By how much the budget is missed; zero or less is feasible. ``tested`` is as for :meth:`measured`.

        Violations of different metrics can be compared and added: one of a cost is its share over the bound (0.2 is
        20 % too much), one of a quality is in units of :meth:`Metric.useful_loss` (for accuracy 0.2 is 2 points too
        little).
        """
        measured = self.measured(candidate, baseline, tested)
        if self.is_cost:
            return (measured - self.amount) / self.amount
        return self.metric.sign * (measured - self.amount) / self._scale(baseline)

    def value_at(self, violation: float, baseline: Candidate) -> float:
        """What is judged of a candidate that misses the budget by so much, lower being better.

        Of a cost the share of the uncompressed model's, of a quality the value, with its sign turned where higher is
        better. At 0 the bound.
        """
        if self.is_cost:
            return self.share_of(baseline) * (1 + violation)
        amount = self.amount + self.metric.sign * violation * self._scale(baseline)
        if self.relative:
            whole = value_of(baseline, self.metric)
            amount = amount + whole if self.is_change else amount * whole
        return self.metric.sign * amount

    def on_axis(self, baseline: Candidate) -> float:
        """The bound in the unit and direction of the metric's measurements; of the latency the ratio."""
        if not self.is_cost:
            return self.metric.sign * self.value_at(0.0, baseline)
        if on_any_device(self.metric.key) == LATENCY.key:
            return self.share_of(baseline)
        return self.amount * baseline.metrics[self.metric.key].value if self.relative else self.amount

    def met(self, candidate: Candidate, baseline: Candidate, tested: bool = True) -> bool:
        """Whether the budget is not missed. What belongs to a front must not hang on what is ``tested``."""
        return self.violation(candidate, baseline, tested) <= 0

    def measured(self, candidate: Candidate, baseline: Candidate, tested: bool = True) -> float:
        """What the candidate is judged to have, in the terms of ``amount``: the upper bound of a cost, else the value.

        Of a quality the value on the search split, or on the test split where that was scored and is worse. The paired
        ``accuracy_change`` and the interleaved ``latency_ratio`` are preferred to ratios of separate measurements.

        Args:
            candidate: whatever was measured of it.
            baseline: the uncompressed model.
            tested: whether the test split counts, where it was scored.

        Raises:
            ConfigError: where the metric was not measured, or there is no share of the uncompressed model's value.
        """
        if self.is_cost:
            return measurement_of(candidate, self._key).high / self._unit(baseline)
        values = [self._valued(candidate, baseline, self.metric)]
        if tested and (there := self._tested(candidate, baseline)) is not None:
            values.append(there)
        return max(values, key=lambda value: self.metric.sign * value)

    def share_of(self, baseline: Candidate) -> float:
        """The bound of a cost as a share of the uncompressed model's."""
        if self.relative:
            return self.amount
        return self.amount * self._unit(baseline) / value_of(baseline, self._absolute_key)

    def describe(self, candidate: Candidate, baseline: Candidate) -> str:
        """What the candidate is judged to have, for messages: ``latency up to 0.612x (needs 0.5x)``.

        ``up to`` is left out where the cost was counted and has no interval. Of a quality both splits are told:
        ``accuracy -0.40 pt, -1.10 pt on the test split (needs -0.50 pt)``.
        """
        judged = self.measured(candidate, baseline)
        if not self.is_cost and (tested := self._tested(candidate, baseline)) is not None:
            found = self._told(self._valued(candidate, baseline, self.metric), candidate)
            has = f"{self.metric.name} {found}, {self._told(tested, candidate)} on the test split"
            return has if self.met(candidate, baseline) else f"{has} (needs {self._show(self.amount)})"
        sampled = self.is_cost and judged > measurement_of(candidate, self._key).value / self._unit(baseline)
        name, bound = (self.metric.name, "up to ") if self.written is None else (self.written.name, "down to ")
        has = f"{name} {bound if sampled else ''}{self._told(judged, candidate)}"
        return has if self.met(candidate, baseline) else f"{has} (needs {self._show(self.amount)})"

    def _valued(self, candidate: Candidate, baseline: Candidate, metric: Metric) -> float:
        """A quality in the terms of ``amount``; ``metric`` is the budget's, of either split."""
        if not self.relative:
            return value_of(candidate, metric)
        if not self.is_change:
            return value_of(candidate, metric) / self._whole(baseline, metric)
        paired = f"{metric.key}_change"
        if paired in candidate.metrics:
            return candidate.metrics[paired].value
        return value_of(candidate, metric) - value_of(baseline, metric)

    def _tested(self, candidate: Candidate, baseline: Candidate) -> float | None:
        """The same on the test split; None where the final step has not scored what that takes."""
        metric = self.metric.tested
        paired = self.is_change and f"{metric.key}_change" in candidate.metrics
        needed = (candidate, baseline) if self.relative else (candidate,)
        if not paired and any(metric.key not in one.metrics for one in needed):
            return None
        return self._valued(candidate, baseline, metric)

    @property
    def _key(self) -> str:
        """The measurement that a cost is judged by."""
        return self.metric.key if self.relative else self._absolute_key

    def _unit(self, baseline: Candidate) -> float:
        """What ``amount`` counts in: the uncompressed model's value for a share; latency is measured as one."""
        if self.relative:
            return whole_of(baseline, self._key)
        return 1.0 if self.written is None else batch_of(baseline.metrics, device_of(self.metric.name))

    @property
    def _absolute_key(self) -> str:
        return self.metric.absolute_key or self.metric.key

    def _scale(self, baseline: Candidate) -> float:
        """How much of what ``amount`` counts in misses the bound of a quality by 1."""
        lost = self.metric.useful_loss(0.0 if self.metric.point else value_of(baseline, self.metric))
        return lost / self._whole(baseline, self.metric) if self.relative and not self.is_change else lost

    def _whole(self, baseline: Candidate, metric: Metric) -> float:
        """What a share of a score is of."""
        whole = value_of(baseline, metric)
        if whole <= 0:
            raise ConfigError(
                f"budget {self.text!r}: there is no share of the uncompressed model's {metric.name}, which is "
                f"{whole:.4g}; write the value itself: {self.metric.name} {'<=' if self.at_most else '>='} …"
            )
        return whole

    def _told(self, amount: float, candidate: Candidate) -> str:
        """What was measured, in the terms of ``amount``, rounded as in tables."""
        if self.written is not None:
            share = 1 / amount if self.relative else MILLISECONDS / amount
            return worded(Measurement.exact(share, "x" if self.relative else "score"))
        if self.is_change:
            return worded(Measurement.exact(amount / self.metric.point / 100, "fraction"), change=True)
        if self.relative:
            return worded(Measurement.exact(amount, "x"))
        key = self._absolute_key
        unit = self.metric.unit if key == self.metric.key else measurement_of(candidate, key).unit
        return worded(Measurement.exact(amount, unit))

    def _show(self, amount: float) -> str:
        """A limit, as short as it was given."""
        if self.written is not None:
            return f"{1 / amount:.3g}x" if self.relative else f"{MILLISECONDS / amount:.4g}"
        if self.relative:
            return f"{amount / self.metric.point:+.2f} pt" if self.is_change else f"{amount:.3g}x"
        if not self.is_cost:
            return f"{100 * amount:.4g} %" if self.metric.is_fraction else f"{amount:.4g}"
        unit, size = _readable(amount, self.metric.units)
        return f"{amount / size:.4g} {unit}".rstrip()

    def __str__(self) -> str:
        return self.text


def all_met(budgets: Iterable[Budget], candidate: Candidate, baseline: Candidate, tested: bool = True) -> bool:
    """Whether a candidate is within every budget; ``tested`` is as for :meth:`Budget.met`."""
    return all(budget.met(candidate, baseline, tested) for budget in budgets)


def _cost(text: str, metric: Metric, amount: float, unit: str) -> tuple[float, bool]:
    if amount <= 0:
        raise ConfigError(f"budget {text!r}: expected an amount above zero; accepted forms: {FORMS}")
    if unit == "x":
        return amount, True
    if unit == "%":
        return amount / 100, True
    units = dict(metric.units)
    if unit not in units:
        known = ", ".join(repr(name) for name in units if name)
        what = f"unit {unit!r} for {metric.name}" if unit else f"a unit for {metric.name}"
        raise ConfigError(f"budget {text!r}: expected {what} among {known}, 'x' or '%'; accepted forms: {FORMS}")
    return amount * units[unit], False


def _reciprocal(text: str, metric: Metric, amount: float, unit: str) -> tuple[float, bool]:
    """The latency, as a share or in milliseconds for one input, that a speed-up or a rate stands for."""
    shares = ("x", "%") if metric.unit != "x" else ("", "x", "%")
    if amount <= 0 or unit not in {"", *shares}:
        form = f"{metric.name} >= {'2x' if metric.unit == 'x' else '30'}"
        raise ConfigError(f"budget {text!r}: expected a number above zero, as in {form}; accepted forms: {FORMS}")
    if unit not in shares:
        return MILLISECONDS / amount, False
    return (100 if unit == "%" else 1) / amount, True


def _change(text: str, metric: Metric, amount: float, signed: bool) -> float:
    """A change in points, in the metric's unit."""
    if not signed:
        loss = f"{'-' if metric.higher_is_better else '+'}{amount:g}pt"
        raise ConfigError(f"budget {text!r}: write the sign of a change; {loss} is a loss of {amount:g} pt")
    return amount * metric.point


def _fraction(text: str, metric: Metric, amount: float, unit: str) -> tuple[float, bool]:
    share = amount / 100 if unit == "%" else amount
    if unit not in ("", "%"):
        raise ConfigError(f"budget {text!r}: no unit {unit!r} for {metric.name}; accepted forms: {FORMS}")
    if not 0 <= share <= 1:
        change = f"{'-' if metric.higher_is_better else '+'}1.0pt"
        raise ConfigError(f"budget {text!r}: {metric.name} is a fraction between 0 and 1; write 0.9, 90% or {change}")
    return share, False


def _score(text: str, metric: Metric, amount: float, unit: str) -> tuple[float, bool]:
    compared, share = (">=", "0.98x") if metric.higher_is_better else ("<=", "1.1x")
    forms = f"write its value ({metric.name} {compared} 0.5) or a share of the uncompressed model's ({share})"
    if unit not in ("", "x", "" if metric.unit == SCORE else metric.unit.lower()):
        points = '; points are of fractions: pf.Task(metric=…, metric_unit="fraction")' if unit == "pt" else ""
        raise ConfigError(f"budget {text!r}: no unit {unit!r} for {metric.name}; {forms}{points}")
    if unit == "x" and amount <= 0:
        raise ConfigError(f"budget {text!r}: expected a share above zero; {forms}")
    return amount, unit == "x"


def _readable(amount: float, units: Units) -> tuple[str, float]:
    """The largest decimal unit that leaves at least one whole of it, and its size."""
    decimal = [(name, size) for name, size in units if "i" not in name]
    name, size = max((u for u in decimal if u[1] <= abs(amount)), key=lambda u: u[1], default=decimal[0])
    return (name if name in ("us", "ms", "s", "mj", "uj") else name.upper()), size
