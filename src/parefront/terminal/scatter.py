"""A scatter plot in characters: series of points, axes with round ticks, lines where a budget binds."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from rich.text import Text

Point = tuple[float, float]

FAR = 10
"""A line further from the points than so many times their spread, and than the largest of them is from zero, is not
drawn: it would squeeze them into one."""


@dataclass(frozen=True)
class Series:
    """Points drawn with one mark; where two series share a cell, the later one is seen.

    Attributes:
        name: what the legend calls it.
        mark: one character, and what stands for it where the terminal has only ASCII.
        style: a rich style.
        points: ``(x, y)``.
    """

    name: str
    mark: tuple[str, str]
    style: str
    points: Sequence[Point]


@dataclass(frozen=True)
class Axis:
    """What an axis shows, how its numbers are written, and where a line crosses it.

    Attributes:
        label: e.g. ``"latency (x of the uncompressed)"``.
        format: turns a tick into its text.
        lines: values at which a line is drawn across the plot.
    """

    label: str
    format: Callable[[float], str]
    lines: tuple[float, ...] = ()


def scatter(
    series: Sequence[Series], x: Axis, y: Axis, *, width: int = 78, height: int = 15, ascii_only: bool = False
) -> Text:
    """Draw the plot; the range is that of all points and the lines near them, widened a little.

    Args:
        series: in the order of drawing.
        x: the horizontal axis.
        y: the vertical axis.
        width: columns, tick labels included.
        height: rows of the plot itself; the axis and the legend take three more.
        ascii_only: draw with ASCII characters alone.
    """
    xs_shown, ys_shown = ([p[axis] for one in series for p in one.points] for axis in (0, 1))
    x, y = replace(x, lines=_near(x.lines, xs_shown)), replace(y, lines=_near(y.lines, ys_shown))
    xs, ys = _Scale.of(xs_shown, x.lines), _Scale.of(ys_shown, y.lines)
    y_ticks = {ys.cell(tick, height): y.format(tick) for tick in ys.ticks(max(2, height // 3))}
    margin = max(map(len, y_ticks.values()), default=0)
    columns = max(10, width - margin - 3)
    grid = _grid(series, xs, ys, x.lines, y.lines, columns, height, ascii_only)
    bar, tick_bar, corner, dash = ("|", "+", "+", "-") if ascii_only else ("│", "┤", "└", "─")

    plot = Text(no_wrap=True)
    plot.append(f"{y.label}\n", style="dim")
    for row in range(height - 1, -1, -1):
        label = y_ticks.get(row, "")
        plot.append(f"{label:>{margin}} {tick_bar if label else bar}")
        plot.append_text(grid[row])
        plot.append("\n")
    plot.append(f"{'':{margin}} {corner}{dash * columns}\n")
    plot.append(_tick_row(xs, x, columns, margin + 2) + "\n")
    plot.append(f"{x.label:>{margin + 2 + columns}}\n", style="dim")
    plot.append_text(_legend(series, bool(x.lines or y.lines), ascii_only, margin + 2))
    return plot


def _near(lines: Sequence[float], values: Sequence[float]) -> tuple[float, ...]:
    finite = [value for value in values if math.isfinite(value)] or [0.0]
    low, high = min(finite), max(finite)
    reach = max(FAR * (high - low), abs(low), abs(high)) or math.inf
    return tuple(line for line in lines if low - reach <= line <= high + reach)


@dataclass(frozen=True)
class _Scale:
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float], lines: Sequence[float]) -> _Scale:
        numbers = [value for value in (*values, *lines) if math.isfinite(value)] or [0.0, 1.0]
        low, high = min(numbers), max(numbers)
        spread = (high - low) or 0.1 * abs(high) or 1.0
        return cls(low - 0.04 * spread, high + 0.04 * spread)

    def cell(self, value: float, cells: int) -> int:
        share = (value - self.low) / (self.high - self.low)
        return min(cells - 1, max(0, int(share * cells)))

    def ticks(self, wanted: int) -> list[float]:
        """Round numbers inside the range, about ``wanted`` of them."""
        raw = (self.high - self.low) / max(1, wanted)
        power = 10.0 ** math.floor(math.log10(raw))
        step = min((m * power for m in (1, 2, 2.5, 5, 10)), key=lambda step: abs(math.log(step / raw)))
        first = math.ceil(self.low / step)
        return [index * step for index in range(first, math.floor(self.high / step) + 1)]


def _grid(
    series: Sequence[Series],
    xs: _Scale,
    ys: _Scale,
    vertical: Sequence[float],
    horizontal: Sequence[float],
    columns: int,
    height: int,
    ascii_only: bool,
) -> list[Text]:
    cells: dict[tuple[int, int], tuple[str, str]] = {}
    for value in vertical:
        cells |= {(row, xs.cell(value, columns)): (":" if ascii_only else "┊", "yellow") for row in range(height)}
    for value in horizontal:
        cells |= {(ys.cell(value, height), column): ("." if ascii_only else "┈", "yellow") for column in range(columns)}
    for one in series:
        for a, b in one.points:
            if math.isfinite(a) and math.isfinite(b):
                cells[ys.cell(b, height), xs.cell(a, columns)] = (one.mark[ascii_only], one.style)
    return [Text.assemble(*(cells.get((row, column), " ") for column in range(columns))) for row in range(height)]


def _tick_row(scale: _Scale, axis: Axis, columns: int, margin: int) -> str:
    row = [" "] * (margin + columns + 4)
    free_from = 0
    for tick in scale.ticks(max(2, columns // 12)):
        label = axis.format(tick)
        start = max(0, margin + scale.cell(tick, columns) - len(label) // 2)
        if start >= free_from and start + len(label) <= margin + columns:
            row[start : start + len(label)] = label
            free_from = start + len(label) + 1
    return "".join(row).rstrip()


def _legend(series: Sequence[Series], lines: bool, ascii_only: bool, margin: int) -> Text:
    legend = Text(" " * margin)
    for one in series:
        if one.points:
            legend.append(one.mark[ascii_only], style=one.style)
            legend.append(f" {one.name}   ")
    if lines:
        legend.append(":" if ascii_only else "┊", style="yellow")
        legend.append(" budget")
    return legend
