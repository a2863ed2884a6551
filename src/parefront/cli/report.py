"""``parefront report``: the page of a run."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.text import Text

from ..evaluators.results.views.units import size
from ..report.figure import write_figure
from ..report.page import write_report
from ..search.runs.run import Run
from ..search.runs.run_folder import RUNS, shown_path


def write_page(name: str, output: Path | None, figure: Path | None, root: Path = Path(RUNS)) -> None:
    """Write the page of a run, and the figure where one is wanted; say where they are."""
    run, console = Run.open(name, root), Console(highlight=False)
    if figure is not None:
        console.print(Text(f"written: {shown_path(write_figure(run, figure))}"), soft_wrap=True)
    written = write_report(run, output)
    text = f"written: {shown_path(written)} ({size(written.stat().st_size)}); open it in a browser"
    console.print(Text(text), soft_wrap=True)
