"""Metrics by name, those built in and those of other packages, and what a task's ``metric`` means."""

from __future__ import annotations

import re
from typing import Any

from ....spaces.errors import TaskError
from ....spaces.installed import entry_points
from ....spaces.messages import did_you_mean, kind
from ....spaces.task import Task
from ...results.metric import BATCH, BY_KEY, COSTS, FRACTION, QUALITY_NAMES, RECIPROCALS, SCORE, Metric
from .builtin import BUILT_IN
from .quality import Quality

GROUP = "parefront.metrics"
"""Entry-point group by which other packages register a :class:`Quality`, or what ``pf.Task(metric=…)`` takes."""

METHODS = ("reset", "update", "compute")
EXPECTED = "expected the name of a metric, a torchmetrics.Metric, or a function of outputs and targets"
_NAME = re.compile(r"(?!test_)[a-z][a-z0-9_]*(?<!_change)")
_TAKEN = {*QUALITY_NAMES, *COSTS, *RECIPROCALS, *BY_KEY, "divergence", BATCH}
_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def metric_names() -> list[str]:
    """The names that ``pf.Task(metric=…)`` may give, those of installed packages included."""
    return sorted({*BUILT_IN, *(point.name for point in entry_points(group=GROUP))})


def quality_of(task: Task) -> Quality:
    """The metric of a task, with its name, direction and unit.

    Raises:
        TaskError: for an unknown name, which lists the known ones; for what is no metric; where nothing says which
            direction is better, or it cannot be called what it is.
    """
    if isinstance(task.metric, str | Quality):
        found = as_quality(task.metric)
        _refuse_given(task, found.metric)
        return found
    return _own(task.metric, task.metric_name, task.higher_is_better, task.metric_unit)


def as_quality(metric: Any) -> Quality:
    """What ``pf.Task(metric=…)`` would make of it with nothing else given; raises as :func:`quality_of`."""
    if not isinstance(metric, str | Quality):
        return _own(metric)
    return _checked(_named(metric) if isinstance(metric, str) else metric)


def quality_metric(task: Task) -> Metric:
    """Name, direction and unit of a task's metric; raises as :func:`quality_of`."""
    return quality_of(task).metric


def snake_case(name: str) -> str:
    """``MeanSquaredError`` as ``mean_squared_error``, ``BinaryF1Score`` as ``binary_f1_score``."""
    return _WORDS.sub("_", name).lower().strip("_")


def _named(name: str) -> Quality:
    if name in BUILT_IN:
        return BUILT_IN[name]
    for point in entry_points(group=GROUP, name=name):
        found = point.load()
        made = found if isinstance(found, Quality) else _own(found() if isinstance(found, type) else found, name)
        if made.metric.name != name:
            raise TaskError(f"task.metric: the entry point {name!r} is of a metric called {made.metric.name!r}")
        return made
    raise TaskError(
        f"task.metric: unknown {name!r}{did_you_mean(name, metric_names())}; or give a torchmetrics.Metric, or a "
        "function of outputs and targets"
    )


def _own(metric: Any, name: str | None = None, higher: Any = None, unit: str | None = None) -> Quality:
    """The metric of a user who gives the thing itself."""
    is_torchmetric = not isinstance(metric, type) and all(callable(getattr(metric, m, None)) for m in METHODS)
    if isinstance(metric, type) or not (is_torchmetric or callable(metric)):
        what = f"the class {metric.__name__}" if isinstance(metric, type) else kind(metric)
        raise TaskError(f"task.metric: {EXPECTED}, got {what}{_mend(metric)}")
    called = getattr(metric, "__name__", type(metric).__name__)
    higher = _direction(metric, called, higher)
    unit = _unit(metric, unit)
    name = _name(called, name)
    if is_torchmetric:
        return Quality.of_torchmetric(name, metric, higher_is_better=higher, unit=unit)
    return Quality.per_sample(name, metric, higher_is_better=higher, unit=unit)


def _mend(metric: Any) -> str:
    methods = all(callable(getattr(metric, name, None)) for name in METHODS)
    return f"; write {metric.__name__}(…)" if isinstance(metric, type) and methods else ""


def _direction(metric: Any, called: str, given: Any) -> bool:
    if given is not None and not isinstance(given, bool):
        raise TaskError(f"task.higher_is_better: expected True or False, got {given!r}")
    better = getattr(metric, "higher_is_better", None) if given is None else given
    if not isinstance(better, bool):
        raise TaskError(
            f"task.metric: {called} does not say whether higher or lower is better; say so: "
            "pf.Task(metric=…, higher_is_better=True), or False"
        )
    return better


def _unit(metric: Any, given: Any) -> str:
    """The given one; else a fraction where torchmetrics says that the metric lies between 0 and 1."""
    if given is None:
        bounds = getattr(metric, "plot_lower_bound", None), getattr(metric, "plot_upper_bound", None)
        return FRACTION if bounds == (0.0, 1.0) else SCORE
    if not isinstance(given, str) or not given.isalpha() or given.lower() in ("pt", "x"):
        raise TaskError(f'task.metric_unit: expected "fraction" (from 0 to 1) or a unit such as "dB", got {given!r}')
    return given


def _name(called: str, given: Any) -> str:
    name = snake_case(called) if given is None else given
    _check_name(name)
    return str(name)


def _check_name(name: Any) -> None:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise TaskError(
            "task.metric_name: expected lower-case letters, digits and _, not beginning with test_ nor ending in "
            f'_change, got {name!r}; write e.g. pf.Task(metric=…, metric_name="psnr")'
        )
    if name in _TAKEN:
        raise TaskError(
            f"task.metric_name: {name!r} is the name of another metric; "
            'give yours one of its own, e.g. pf.Task(metric=…, metric_name="psnr")'
        )


def _checked(quality: Quality) -> Quality:
    if quality is not BUILT_IN["accuracy"]:
        _check_name(quality.metric.name)
    return quality


def _refuse_given(task: Task, found: Metric) -> None:
    given = {
        "metric_name": task.metric_name is not None,
        "higher_is_better": task.higher_is_better not in (None, found.higher_is_better),
        "metric_unit": task.metric_unit is not None,
    }
    for name, wrong in given.items():
        if wrong:
            raise TaskError(
                f"task.{name}: is for a metric of your own, and task.metric is {found.name!r}; leave it out"
            )
