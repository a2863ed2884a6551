"""The page of a comparison: the fronts of several runs in one plot, and the table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..evaluators.results.views.rows import html_table
from ..spaces.files import write_text
from .assembled import assembled
from .axes import axes_of
from .comparison import Comparison
from .comparison_table import comparison_rows, notes_of

SCRIPTS = ("format.js", "place.js", "draw.js", "theme.js", "comparison.js")


def write_comparison(comparison: Comparison, path: Path) -> Path:
    """Write the page.

    Raises:
        UnreadableFile: where a folder is in its way.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, comparison_page(comparison))
    return path


def comparison_page(comparison: Comparison) -> str:
    """The page as HTML; it loads nothing."""
    headings, rows = comparison_rows(comparison)
    title = " / ".join(run.name for run in comparison.runs)
    data = {**_data(comparison), "headings": headings, "rows": rows}
    return assembled("comparison.html", SCRIPTS, data, title, html_table(headings, rows))


def _data(comparison: Comparison) -> dict[str, Any]:
    """The comparison as its JSON has it, and the metrics that all runs were measured in."""
    known = [{axis.key: axis for axis in axes_of(run.front, list(run.front))} for run in comparison.runs]
    shared = [axis.to_json() for key, axis in known[0].items() if all(key in axes for axes in known)]
    headings, rows = comparison.grid.rows()
    places = {"headings": headings, "rows": rows, "note": comparison.grid.note}
    axes = {"axes": shared, "x": comparison.cost.key, "y": comparison.key}
    return {
        **comparison.to_json(),
        **axes,
        "said": notes_of(comparison),
        "places": None if comparison.grid.is_one_place else places,
    }
