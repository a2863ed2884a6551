"""The page of a run: one HTML file that needs nothing else, with the data that it shows inside of it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html import escape
from importlib.resources import files
from pathlib import Path

from ..evaluators.results.views.rows import html_table
from ..search.runs.run import Run
from ..spaces.files import write_text
from .document import Report

PAGE = "report.html"
"""In a run's folder."""
SCRIPTS = ("format.js", "model.js", "draw.js", "layers.js", "page.js")
"""In the order in which they are put together."""

_PLACE = re.compile(r"\{\{(\w+)\}\}")


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
    """The page as HTML.

    Nothing of the run becomes markup: names stand in the data, whose ``<`` are escaped, and are shown as text. The
    page's policy lets it load nothing at all, and run no script but its own.
    """
    script = '(() => {\n"use strict";\n' + "\n".join(map(_file, SCRIPTS)) + "})();\n"
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    allowed = ["default-src 'none'", f"script-src 'sha256-{digest}'", "style-src 'unsafe-inline'", "img-src data:"]
    parts = {
        "policy": "; ".join([*allowed, "base-uri 'none'"]),
        "title": escape(f"{report.name} – Parefront"),
        "name": escape(report.name),
        "style": _file("page.css"),
        "plain": html_table(*report.rows),
        "data": embedded(report),
        "script": script,
    }
    return _PLACE.sub(lambda place: parts[place[1]], _file("template.html"))


def embedded(report: Report) -> str:
    """The data as JSON that may stand inside of a ``script``: no character in it can end that, or begin a comment."""
    text = json.dumps(report.to_json(), separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _file(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")
