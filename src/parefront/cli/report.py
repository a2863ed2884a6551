"""``parefront report``: the page of a run."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.text import Text

from ..report.page import write_report
from ..search.runs.run import Run
from ..search.runs.run_folder import RUNS, shown_path
from ..units import size


def write_page(name: str, output: Path | None, root: Path = Path(RUNS)) -> None:
    """Write the page of a run, and say where it is."""
    written = write_report(Run.open(name, root), output)
    text = f"written: {shown_path(written)} ({size(written.stat().st_size)}); open it in a browser"
    Console(highlight=False).print(Text(text), soft_wrap=True)
