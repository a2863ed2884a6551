"""The page of a run: one HTML file that needs nothing else, with the data that it shows inside of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..evaluators.results.views.rows import html_table
from ..search.runs.run import Run
from ..spaces.files import write_text
from .assembled import assembled
from .document import Report

PAGE = "report.html"
"""In a run's folder."""
SCRIPTS = (
    "format.js",
    "model.js",
    "place.js",
    "draw.js",
    "layers.js",
    "classes.js",
    "sensitivity.js",
    "theme.js",
    "live.js",
    "limits.js",
    "against.js",
    "page.js",
)


def write_report(run: Run, path: Path | None = None) -> Path:
    """Write the page of a run, finished or not.

    Args:
        run: its folder is only read, except for the page.
        path: of the page; by default ``report.html`` in the run's folder.

    Raises:
        ParefrontError: where the run has measured nothing yet.
        UnreadableFile: where a file of it is damaged, or a folder is in the way of the page.
    """
    target = run.path / PAGE if path is None else path
    target.parent.mkdir(parents=True, exist_ok=True)
    write_text(target, page_of(Report.of(run)))
    return target


def page_of(report: Report) -> str:
    """The page as HTML."""
    return assembled("template.html", SCRIPTS, report.to_json(), report.name, html_table(*report.rows))


def live_page(report: Report, document: Mapping[str, Any], version: int) -> str:
    """The page as HTML that asks where it comes from for newer data.

    Args:
        report: what it begins with.
        document: the same as JSON.
        version: of that, above zero.
    """
    data, plain = {**document, "live": version}, html_table(*report.rows)
    return assembled("template.html", SCRIPTS, data, report.name, plain, polls=True)
