"""``parefront compare``: fronts of several runs in one table."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..report.comparison import Comparison
from ..report.comparison_page import write_comparison
from ..report.comparison_table import comparison_rows, markdown, notes_of
from ..report.grid import Grid
from ..search.runs.run import Run
from ..search.runs.run_folder import RUNS, shown_path
from ..terminal.columns import WIDE
from ..terminal.progress import ascii_only
from ..terminal.tables import ASCII

WHERE_WIDE = ("sampler", "trials", "time")
"""Columns that a narrow terminal has no room for."""


def compare_runs(
    names: Sequence[str], output: Path | None, as_markdown: bool, as_json: bool, root: Path = Path(RUNS)
) -> None:
    """Print the comparison of runs with the first of them, and write its page where one is wanted."""
    comparison = Comparison.of([Run.open(name, root) for name in names])
    if output is not None:
        write_comparison(comparison, output)
    if as_json:
        print(json.dumps(comparison.to_json(), indent=2, allow_nan=False))
        return
    if as_markdown:
        print(markdown(comparison), end="")
        return
    console = Console(highlight=False)
    plain = ascii_only(console)
    headings, rows = comparison_rows(comparison)
    table = Table(box=box.ASCII if plain else box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    shown = _shown(headings, console.width)
    for index in shown:
        heading = headings[index]
        text = heading.replace("≤", "<=") if plain else heading
        table.add_column(text, justify="left" if index < 2 else "right", overflow="fold", min_width=min(len(text), 11))
    for row in rows:
        cells = row if console.width >= WIDE else [cell.replace(" (", "\n(") for cell in row]
        table.add_row(*(Text(cells[index].translate(ASCII) if plain else cells[index]) for index in shown))
    console.print(table)
    for note in notes_of(comparison):
        console.print(Text(note, style="dim"), soft_wrap=True)
    if not comparison.grid.is_one_place:
        _show_places(console, comparison.grid, plain)
    if output is not None:
        console.print(Text(f"written: {shown_path(output.resolve())}; open it in a browser"), soft_wrap=True)


def _shown(headings: Sequence[str], width: int) -> list[int]:
    """The columns that a terminal has room for: in a narrow one every second limit, and no course of the search."""
    columns = list(range(len(headings)))
    if width >= WIDE:
        return columns
    limits = [index for index in columns if headings[index].startswith("≤")]
    return [index for index in columns if headings[index] not in WHERE_WIDE and index not in limits[1::2]]


def _show_places(console: Console, grid: Grid, plain: bool) -> None:
    """The best of each device and runtime as a table."""
    headings, rows = grid.rows()
    table = Table(box=box.ASCII if plain else box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell.translate(ASCII) if plain else cell) for cell in row))
    console.print(table)
    console.print(Text(grid.note, style="dim"), soft_wrap=True)
