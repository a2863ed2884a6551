"""The front as a table and as a scatter plot, for a terminal of any width."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from rich import box
from rich.table import Table
from rich.text import Text

from ..evaluators.results.budget import all_met
from ..evaluators.results.candidate import Candidate
from ..evaluators.results.fronts.front import Front
from ..evaluators.results.metric import SCORE, Metric, device_of, on_any_device
from ..evaluators.results.views.units import count, milliseconds, percent, ratio, score, size
from ..evaluators.results.views.written import written
from ..spaces.runtime_knob import runtime_in
from .columns import MISSING, NOISY, TRAINED, Form, columns_within, is_noisy
from .scatter import Axis, Series, scatter

ASCII = str.maketrans({"±": "+-", MISSING: "-"})
TRAINED_MEANS = "trained after it was compressed"
NOISY_MEANS = "noisy: believe the interval, not the value"


def front_table(front: Front, width: int, *, ascii_only: bool = False) -> Table:
    """The uncompressed model and below it the front, best in the first objective first.

    Args:
        front: what to show.
        width: columns of the terminal; below ``WIDE`` the intervals are shortened. What it has no room for is left
            out, by :func:`columns_within`, and named below; no number is ever cut.
        ascii_only: for terminals without Unicode.
    """
    columns, form, without = columns_within(front, width)
    table = Table(box=box.ASCII if ascii_only else box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for column in columns:
        overflow: Literal["fold", "ellipsis"] = "fold" if column.folds else "ellipsis"
        aligned: Literal["left", "right"] = "left" if column.to_the_left else "right"
        table.add_column(column.heading, justify=aligned, overflow=overflow, no_wrap=not column.folds)
    for candidate in (front.baseline, *sorted(front, key=lambda candidate: not front.is_useful(candidate))):
        cells: list[str | Text] = [_plain(column.cell(candidate), ascii_only) for column in columns]
        styled = [Text(str(cell), style="yellow") if cell in (NOISY, "noisy") else cell for cell in cells]
        table.add_row(*styled, style="" if _fits(candidate, front) else "dim")
    notes = [f"{TRAINED} {TRAINED_MEANS}"] if any(candidate.recovered for candidate in front) else []
    if any(map(is_noisy, (front.baseline, *front))):
        notes.append(NOISY_MEANS if form is Form.WIDE else f"{NOISY} {NOISY_MEANS}")
    if without:
        notes.append(f"no room for {', '.join(dict.fromkeys(without))}")
    if notes:
        table.caption = Text("; ".join(notes), style="yellow")
        table.caption_justify = "left"
    return table


def _plain(text: str, ascii_only: bool) -> str:
    return text.translate(ASCII) if ascii_only else text


def front_plot(
    front: Front, others: Sequence[Candidate], width: int, *, ascii_only: bool = False, height: int = 14
) -> Text:
    """The front over the second objective, with the uncompressed model and the lines of the budgets.

    Args:
        front: its first two objectives become the vertical and the horizontal axis.
        others: candidates that are not on the front, drawn faintly where they fall into the picture.
        width: columns.
        ascii_only: draw with ASCII characters alone.
        height: rows of the plot itself.
    """
    vertical, horizontal = front.objectives[:2]
    points = _points(list(front), horizontal, vertical)
    base = _points([front.baseline], horizontal, vertical)
    cloud = _inside(_points(others, horizontal, vertical), points + base)
    series = [
        Series("tried", ("·", "."), "dim", cloud),
        Series("front", ("●", "o"), "bold green", points),
        Series("uncompressed", ("◆", "#"), "bold cyan", base),
    ]
    return scatter(
        series, _axis(horizontal, front), _axis(vertical, front), width=width, height=height, ascii_only=ascii_only
    )


def thinned(front: Front, rows: int, best: Candidate | None) -> Front:
    """The front with evenly spread ones of its members, ``rows`` of them and the ``best`` one."""
    last = len(front) - 1
    kept = {round(row * last / (rows - 1)) for row in range(rows)} if last >= rows else range(last + 1)
    return replace(front, candidates=tuple(c for row, c in enumerate(front) if row in kept or c is best))


def describe(candidate: Candidate, quality: Metric) -> str:
    """A candidate in a few words: ``93.1% at 0.412x, 311 kB``, or ``psnr 28.31 at 0.412x in openvino, 311 kB``.

    Args:
        candidate: measured.
        quality: the metric of its task.
    """
    metrics = candidate.metrics
    words = []
    if quality.key in metrics:
        value = written(metrics[quality.key]).value
        words.append(f"{value}%" if quality.is_fraction else _named(value, quality))
    if "latency_ratio" in metrics:
        words.append(f"at {ratio(metrics['latency_ratio'].value)}")
    if runtime := runtime_in(candidate.policy):
        words.append(f"in {runtime}")
    text = " ".join(words)
    return f"{text}, {size(metrics['size_bytes'].value)}" if "size_bytes" in metrics else text


def scored(value: float, quality: Metric) -> str:
    """A score of the task's metric without its interval: ``93.1%``, or ``psnr 28.31``."""
    return percent(value) if quality.is_fraction else _named(score(value), quality)


def _named(value: str, quality: Metric) -> str:
    return f"{quality.name} {value}" + ("" if quality.unit == SCORE else f" {quality.unit}")


def _fits(candidate: Candidate, front: Front) -> bool:
    """Whether it is of use within the run's budgets; the uncompressed model is always shown in full."""
    if candidate is front.baseline:
        return True
    return front.is_useful(candidate) and all_met(front.budgets, candidate, front.baseline)


def _points(candidates: Sequence[Candidate], x: Metric, y: Metric) -> list[tuple[float, float]]:
    keys = x.key, y.key
    return [(c.metrics[keys[0]].value, c.metrics[keys[1]].value) for c in candidates if set(keys) <= c.metrics.keys()]


def _inside(points: Sequence[tuple[float, float]], frame: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The points within the box around ``frame``, so that far-off ones do not squeeze the picture."""
    if not frame:
        return list(points)
    (left, right), (low, high) = ((min(side), max(side)) for side in zip(*frame, strict=True))
    return [(x, y) for x, y in points if left <= x <= right and low <= y <= high]


def _axis(metric: Metric, front: Front) -> Axis:
    """The axis of a metric; budgets on it are lines across the plot."""
    lines = tuple(budget.on_axis(front.baseline) for budget in front.budgets if budget.metric == metric)
    if metric.is_quality:
        plain = metric.is_fraction and metric.higher_is_better
        return Axis(metric.name if plain else metric.worded, percent if metric.is_fraction else score, lines)
    if on_any_device(metric.key) == "latency_ratio":
        where = f" on {device_of(metric.name)}" if device_of(metric.name) else ""
        return Axis(f"latency{where}, x of the uncompressed model", _ratio_tick, lines)
    if metric.unit == "bytes":
        return Axis(metric.name, size, lines)
    if metric.unit in ("ms", "mJ"):
        return Axis(f"{metric.name}, {metric.unit}", milliseconds, lines)
    return Axis(metric.name, count, lines)


def _ratio_tick(value: float) -> str:
    """Two decimals, or as many more as the tick has: 0.925 is not at 0.93."""
    return f"{value:.2f}x" if abs(value - round(value, 2)) < 1e-9 else f"{value:.4f}".rstrip("0") + "x"
