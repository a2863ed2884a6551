"""The stages of a recipe as a table for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.table import Table

from ..evaluators.results.measurement import Measurement
from ..evaluators.results.metric import Metric
from ..evaluators.results.views.units import count, duration, size
from ..evaluators.results.views.written import written
from ..terminal.columns import MISSING, WIDE
from ..terminal.tables import ASCII, scored
from .row import Row


def stage_table(rows: Sequence[Row], quality: Metric, width: int, *, ascii_only: bool = False) -> Table:
    """A row for the original network and for each stage, every figure beside the original's.

    Args:
        rows: the original's first.
        quality: the task's metric.
        width: columns of the terminal; below ``WIDE`` latencies have no interval, and what was done is left out.
        ascii_only: for terminals without Unicode.
    """
    table = Table(box=box.ASCII if ascii_only else box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    wide, points = width >= WIDE, " pt" if quality.is_fraction else ""
    tested = any(f"test_{quality.key}" in row.metrics for row in rows)
    table.add_column("stage", no_wrap=True)
    for heading in (quality.name, f"change{points}", "latency", "size", "MACs", *(["test"] if tested else []), "time"):
        table.add_column(heading, justify="right", no_wrap=True)
    if wide:
        table.add_column("what was done", overflow="fold", ratio=1)
    for row in rows:
        cells = _cells(row, quality, tested, wide)
        table.add_row(*(cell.translate(ASCII) for cell in cells) if ascii_only else cells)
    return table


def _cells(row: Row, quality: Metric, tested: bool, wide: bool) -> list[str]:
    m = row.metrics
    return [
        row.stage,
        _score(m.get(quality.key), quality),
        _change(m.get(f"{quality.key}_change")),
        _ratio(m.get("latency_ratio"), wide),
        size(m["size_bytes"].value) if "size_bytes" in m else MISSING,
        count(m["macs"].value) if "macs" in m else MISSING,
        *([_score(m.get(f"test_{quality.key}"), quality)] if tested else []),
        duration(row.seconds) if row.seconds else MISSING,
        *([row.done] if wide else []),
    ]


def _score(measured: Measurement | None, quality: Metric) -> str:
    return MISSING if measured is None else scored(measured.value, quality)


def _change(measured: Measurement | None) -> str:
    """Against the original, with half of its interval: ``-0.4 ±0.2`` points."""
    if measured is None:
        return MISSING
    return written(measured, change=True).spanned()


def _ratio(measured: Measurement | None, wide: bool) -> str:
    if measured is None:
        return MISSING
    told = written(measured)
    return told.joined(told.spanned() if wide else told.value)
