"""The page of a run: one HTML file that needs nothing else, with the data that it shows inside of it."""

from __future__ import annotations

from pathlib import Path

from ..evaluators.results.views.rows import html_table
from ..search.runs.run import Run
from ..spaces.files import write_text
from .assembled import assembled
from .document import Report

PAGE = "report.html"
"""In a run's folder."""
SCRIPTS = ("format.js", "model.js", "draw.js", "layers.js", "classes.js", "sensitivity.js", "theme.js", "page.js")


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
