"""The front as a table and as a scatter plot, for a terminal of any width."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace

from rich import box
from rich.table import Table
from rich.text import Text

from .evaluators import Measurement
from .scatter import Axis, Series, scatter
from .search import Budget, Candidate, Front, metric_key
from .search.metrics import device_of, on_any_device, on_device
from .units import count, milliseconds, percent, ratio, size

WIDE = 115
"""From this many columns on, the table has room for intervals as ``[low, high]``, and for MACs."""

MISSING = "–"
ASCII = str.maketrans({"±": "+-", MISSING: "-"})
NOISY = "~"
NOISY_MEANS = "noisy: believe the interval, not the value"


def front_table(front: Front, width: int, *, ascii_only: bool = False) -> Table:
    """The uncompressed model and below it the front, best in the first objective first.

    Args:
        front: what to show.
        width: columns of the terminal; below ``WIDE`` the intervals are shortened.
        ascii_only: for terminals without Unicode.
    """
    finalised = any("test_accuracy" in c.metrics for c in front)
    wide = width >= WIDE
    table = Table(box=box.ASCII if ascii_only else box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("trial", justify="right", no_wrap=True)
    devices = _devices(front.baseline)
    with_ms = wide or len(devices) < 2
    latencies = [[f"{name} x", "ms"][: 1 + with_ms] for name in devices] or [["latency x", "ms"]]
    for heading in ("accuracy %", "change pt", *itertools.chain(*latencies), "size"):
        table.add_column(heading, justify="right", no_wrap=True)
    if wide:
        table.add_column("MACs", justify="right", no_wrap=True)
    if finalised:
        table.add_column("test %", justify="right", no_wrap=True)
    if finalised and wide:
        table.add_column("change pt", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for candidate in (front.baseline, *front):
        cells = _row(candidate, front, devices, wide, finalised)
        if ascii_only:
            cells = [str(cell).translate(ASCII) for cell in cells]
        table.add_row(*cells, style="" if _fits(candidate, front) else "dim")
    if any(map(is_noisy, (front.baseline, *front))):
        table.caption = Text(NOISY_MEANS if wide else f"{NOISY} {NOISY_MEANS}", style="yellow")
        table.caption_justify = "left"
    return table


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
    vertical, horizontal = front.objectives[0], front.objectives[1]
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


def describe(candidate: Candidate) -> str:
    """A candidate in a few words: ``93.1% at 0.412x, 311 kB``."""
    metrics = candidate.metrics
    words = []
    if "accuracy" in metrics:
        words.append(percent(metrics["accuracy"].value))
    if "latency_ratio" in metrics:
        words.append(f"at {ratio(metrics['latency_ratio'].value)}")
    text = " ".join(words)
    return f"{text}, {size(metrics['size_bytes'].value)}" if "size_bytes" in metrics else text


def is_noisy(candidate: Candidate) -> bool:
    """Whether any of its measurements was taken on a device that was busy with other things."""
    return any(measurement.noisy for measurement in candidate.metrics.values())


def _devices(candidate: Candidate) -> list[str]:
    """The named devices it was measured on."""
    return list(dict.fromkeys(device_of(key) for key in candidate.metrics if device_of(key)))


def _row(candidate: Candidate, front: Front, devices: Sequence[str], wide: bool, finalised: bool) -> list[str | Text]:
    m = candidate.metrics
    is_base = candidate is front.baseline
    row: list[str | Text] = [
        "base" if is_base else str(candidate.trial),
        _plus_minus(m.get("accuracy"), 100, 2 if wide else 1),
        MISSING if is_base else _signed(m.get("accuracy_change"), wide),
    ]
    for name in devices or [""]:
        ratio_key, ms_key = (on_device(key, name) for key in ("latency_ratio", "latency_ms"))
        row.append(_latency(m.get(ratio_key), wide and len(devices) < 2))
        if wide or len(devices) < 2:
            row.append(milliseconds(m[ms_key].value) if ms_key in m else MISSING)
    row.append(size(m["size_bytes"].value) if "size_bytes" in m else MISSING)
    if wide:
        row.append(count(m["macs"].value) if "macs" in m else MISSING)
    if finalised:
        row.append(_plus_minus(m.get("test_accuracy"), 100, 2 if wide else 1))
    if finalised and wide:
        row.append(MISSING if is_base else _signed(m.get("test_accuracy_change"), wide))
    row.append(Text("noisy" if wide else NOISY, style="yellow") if is_noisy(candidate) else "")
    return row


def _plus_minus(measurement: Measurement | None, scale: float, digits: int) -> str:
    if measurement is None:
        return MISSING
    return f"{scale * measurement.value:.{digits}f} ±{scale * measurement.half_width:.1f}"


def _signed(change: Measurement | None, wide: bool) -> str:
    if change is None:
        return MISSING
    text = f"{100 * change.value:+.2f}"
    return f"{text} ±{100 * change.half_width:.1f}" if wide else text


def _latency(measurement: Measurement | None, wide: bool) -> str:
    if measurement is None:
        return MISSING
    if wide:
        return f"{measurement.value:.3f} [{measurement.low:.3f}, {measurement.high:.3f}]"
    return f"{measurement.value:.3f} ±{measurement.half_width:.3f}"


def _fits(candidate: Candidate, front: Front) -> bool:
    """Whether it meets the run's budgets; the uncompressed model is always shown in full."""
    return candidate is front.baseline or all(budget.met(candidate, front.baseline) for budget in front.budgets)


def _points(candidates: Sequence[Candidate], x: str, y: str) -> list[tuple[float, float]]:
    keys = metric_key(x), metric_key(y)
    return [(c.metrics[keys[0]].value, c.metrics[keys[1]].value) for c in candidates if set(keys) <= c.metrics.keys()]


def _inside(points: Sequence[tuple[float, float]], frame: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The points within the box around ``frame``, so that far-off ones do not squeeze the picture."""
    if not frame:
        return list(points)
    (left, right), (low, high) = ((min(side), max(side)) for side in zip(*frame, strict=True))
    return [(x, y) for x, y in points if left <= x <= right and low <= y <= high]


def _axis(name: str, front: Front) -> Axis:
    """The axis of a metric; budgets on it are lines across the plot."""
    lines = tuple(_line(budget, front.baseline) for budget in front.budgets if budget.metric == name)
    key = metric_key(name)
    if key in ("accuracy", "test_accuracy"):
        return Axis(name, percent, lines)
    if on_any_device(key) == "latency_ratio":
        where = f" on {device_of(name)}" if device_of(name) else ""
        return Axis(f"latency{where}, x of the uncompressed model", lambda value: f"{value:.2f}x", lines)
    if key in ("size_bytes", "memory_bytes"):
        return Axis(name, size, lines)
    return Axis(name, count, lines)


def _line(budget: Budget, baseline: Candidate) -> float:
    """Where a budget lies on its metric's axis; latency's is the ratio to the uncompressed model."""
    if on_any_device(metric_key(budget.metric)) == "latency_ratio":
        return budget.share_of(baseline)
    if not budget.relative:
        return budget.amount
    base = baseline.metrics[metric_key(budget.metric)].value
    return budget.amount * base if budget.at_most else base + budget.amount
