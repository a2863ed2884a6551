"""The front as a table and as a scatter plot, for a terminal of any width."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace

from rich import box
from rich.table import Table
from rich.text import Text

from ..evaluators.results.candidate import Candidate
from ..evaluators.results.front import Front
from ..evaluators.results.measurement import Measurement
from ..evaluators.results.metric import SCORE, Metric, device_of, on_any_device, on_device
from ..evaluators.results.reciprocals import with_reciprocals
from ..evaluators.results.views.intervals import with_interval
from ..evaluators.results.views.policy_words import candidate_in_words
from ..spaces.runtime_knob import runtime_in
from ..units import count, milliseconds, percent, ratio, score, size
from .scatter import Axis, Series, scatter

WORDED = 150
"""From this many columns on, the table says of every member what was done."""
WIDE = 115
"""From this many columns on, the table has room for intervals as ``[low, high]``, and for MACs."""

MISSING = "–"
ASCII = str.maketrans({"±": "+-", MISSING: "-"})
NOISY = "~"
TRAINED = "*"
"""Behind the number of a trial."""
TRAINED_MEANS = "trained after it was compressed"
NOISY_MEANS = "noisy: believe the interval, not the value"
ALWAYS = {"latency_ratio", "latency_ms", "size_bytes", "macs"}
"""Keys of the costs that have columns of their own whatever the objectives are."""
HEADING = 14
"""Columns of the heading of a task's own metric; a longer name goes on in the next line."""


def front_table(front: Front, width: int, *, ascii_only: bool = False) -> Table:
    """The uncompressed model and below it the front, best in the first objective first.

    Args:
        front: what to show.
        width: columns of the terminal; below ``WIDE`` the intervals are shortened.
        ascii_only: for terminals without Unicode.
    """
    quality = front.quality
    finalised = any(f"test_{quality.key}" in c.metrics for c in front)
    wide = width >= WIDE
    table = Table(box=box.ASCII if ascii_only else box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("trial", justify="right", no_wrap=True)
    devices = _devices(front.baseline)
    with_ms = _with_ms(front, devices, wide)
    latencies = [[f"{name} x", "ms"][: 1 + with_ms] for name in devices] or [["latency x", "ms"][: 1 + with_ms]]
    for heading in (*_headings(quality, "", changes=_with_changes(front, wide)), *itertools.chain(*latencies), "size"):
        table.add_column(heading, justify="right", no_wrap=True)
    if wide:
        table.add_column("MACs", justify="right", no_wrap=True)
    for metric in _further(front, wide):
        table.add_column(metric.name, justify="right", no_wrap=True)
    for heading in _headings(quality, "test_", changes=wide) if finalised else ():
        table.add_column(heading, justify="right", no_wrap=True)
    if front.runtimes:
        table.add_column("runs in", no_wrap=True)
    table.add_column("", no_wrap=True)
    if width >= WORDED:
        table.add_column("what was done", overflow="fold")
    for candidate in (front.baseline, *sorted(front, key=lambda candidate: not front.is_useful(candidate))):
        cells = _row(candidate, front, devices, wide, finalised)
        cells += [candidate_in_words(candidate)] if width >= WORDED else []
        if ascii_only:
            cells = [str(cell).translate(ASCII) for cell in cells]
        table.add_row(*cells, style="" if _fits(candidate, front) else "dim")
    notes = [f"{TRAINED} {TRAINED_MEANS}"] if any(candidate.recovered for candidate in front) else []
    if any(map(is_noisy, (front.baseline, *front))):
        notes.append(NOISY_MEANS if wide else f"{NOISY} {NOISY_MEANS}")
    if notes:
        table.caption = Text("; ".join(notes), style="yellow")
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
        words.append(scored(metrics[quality.key].value, quality))
    if "latency_ratio" in metrics:
        words.append(f"at {ratio(metrics['latency_ratio'].value)}")
    if runtime := runtime_in(candidate.policy):
        words.append(f"in {runtime}")
    text = " ".join(words)
    return f"{text}, {size(metrics['size_bytes'].value)}" if "size_bytes" in metrics else text


def scored(value: float, quality: Metric) -> str:
    """A score of the task's metric: ``93.1%``, or ``psnr 28.31``."""
    own = "" if quality.unit == SCORE else f" {quality.unit}"
    return percent(value) if quality.is_fraction else f"{quality.name} {score(value)}{own}"


def is_noisy(candidate: Candidate) -> bool:
    """Whether any of its measurements was taken on a device that was busy with other things."""
    return any(measurement.noisy for measurement in candidate.metrics.values())


def _further(front: Front, wide: bool) -> list[Metric]:
    """What objectives and budgets name beyond the columns that every table has, and wide ones."""
    always = ALWAYS if wide else ALWAYS - {"macs"}
    named = [*front.shown, *front.objectives, *(budget.written or budget.metric for budget in front.budgets)]
    extra = [m for m in named if not m.is_quality and on_any_device(m.key) not in always]
    return list(dict.fromkeys(extra))


def _with_ms(front: Front, devices: Sequence[str], wide: bool) -> bool:
    """Whether there is room for milliseconds."""
    return wide or (len(devices) < 2 and not _further(front, wide))


def _with_changes(front: Front, wide: bool) -> bool:
    """Whether there is room for changes against the uncompressed model."""
    return wide or len(_further(front, wide)) < 2


def _cell(measurement: Measurement | None, metric: Metric, wide: bool) -> str:
    """A cost in its own unit, with half of its interval where it has one, and where there is room."""
    if measurement is None:
        return MISSING
    show = {"bytes": size, "ms": milliseconds, "x": lambda v: f"{v:.2f}x", "1/s": milliseconds, "mJ": milliseconds}
    shown = show.get(metric.unit, count)
    if wide and metric.unit in ("ms", "1/s", "mJ"):
        return with_interval(measurement, shown, milliseconds)
    return shown(measurement.value)


def _devices(candidate: Candidate) -> list[str]:
    """The named devices it was measured on."""
    return list(dict.fromkeys(device_of(key) for key in candidate.metrics if device_of(key)))


def _row(candidate: Candidate, front: Front, devices: Sequence[str], wide: bool, finalised: bool) -> list[str | Text]:
    m = candidate.metrics
    is_base = candidate is front.baseline
    row: list[str | Text] = [
        "base" if is_base else f"{candidate.trial}{TRAINED if candidate.recovered else ''}",
        *_quality_cells(candidate, front, "", wide, changes=_with_changes(front, wide)),
    ]
    for name in devices or [""]:
        ratio_key, ms_key = (on_device(key, name) for key in ("latency_ratio", "latency_ms"))
        row.append(_latency(m.get(ratio_key), wide and len(devices) < 2))
        if _with_ms(front, devices, wide):
            row.append(milliseconds(m[ms_key].value) if ms_key in m else MISSING)
    row.append(size(m["size_bytes"].value) if "size_bytes" in m else MISSING)
    if wide:
        row.append(count(m["macs"].value) if "macs" in m else MISSING)
    row += [_cell(with_reciprocals(m).get(metric.key), metric, wide) for metric in _further(front, wide)]
    if finalised:
        row += _quality_cells(candidate, front, "test_", wide, changes=wide)
    row += [front.runtime_of(candidate)] if front.runtimes else []
    row.append(Text("noisy" if wide else NOISY, style="yellow") if is_noisy(candidate) else "")
    return row


def _headings(quality: Metric, split: str, changes: bool) -> list[str]:
    """Of the columns of the quality on a split; one that has points has a column of its ``changes``."""
    if quality.is_fraction:
        return ["test %" if split else f"{quality.name} %", *(["change pt"] if changes else [])]
    if quality.point:
        name = "test" if split else quality.name
        return [f"{name} {quality.unit}", *([f"change {quality.unit}"] if changes else [])]
    lines: list[str] = []
    rest = f"{split}{quality.name}"
    while len(rest) > HEADING:
        end = rest.rfind("_", 0, HEADING) + 1 or HEADING
        lines, rest = [*lines, rest[:end]], rest[end:]
    return ["\n".join([*lines, rest])]


def _quality_cells(candidate: Candidate, front: Front, split: str, wide: bool, changes: bool) -> list[str]:
    """What stands below :func:`_headings`."""
    key, metrics = f"{split}{front.quality.key}", candidate.metrics
    paired = None if candidate is front.baseline else metrics.get(f"{key}_change")
    if front.quality.is_fraction:
        return [_plus_minus(metrics.get(key), 100, 2 if wide else 1), *([_signed(paired, wide)] if changes else [])]
    change = [_signed_score(paired, wide)] if changes and front.quality.point else []
    return [_plus_minus_score(metrics.get(key)), *change]


def _plus_minus(measurement: Measurement | None, scale: float, digits: int) -> str:
    if measurement is None:
        return MISSING
    return with_interval(measurement, lambda v: f"{scale * v:.{digits}f}", lambda v: f"{scale * v:.1f}")


def _plus_minus_score(measurement: Measurement | None) -> str:
    return MISSING if measurement is None else with_interval(measurement, score, lambda v: f"{v:.2g}")


def _signed(change: Measurement | None, wide: bool) -> str:
    if change is None:
        return MISSING
    if not wide:
        return f"{100 * change.value:+.2f}"
    return with_interval(change, lambda v: f"{100 * v:+.2f}", lambda v: f"{100 * v:.1f}")


def _signed_score(change: Measurement | None, wide: bool) -> str:
    if change is None:
        return MISSING
    return with_interval(change, lambda v: f"{v:+.3g}", lambda v: f"{v:.2g}") if wide else f"{change.value:+.3g}"


def _latency(measurement: Measurement | None, wide: bool) -> str:
    if measurement is None:
        return MISSING
    if wide:
        return f"{measurement.value:.3f} [{measurement.low:.3f}, {measurement.high:.3f}]"
    return with_interval(measurement, lambda v: f"{v:.3f}", lambda v: f"{v:.3f}")


def _fits(candidate: Candidate, front: Front) -> bool:
    """Whether it is of use within the run's budgets; the uncompressed model is always shown in full."""
    if candidate is front.baseline:
        return True
    return front.is_useful(candidate) and all(budget.met(candidate, front.baseline) for budget in front.budgets)


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
