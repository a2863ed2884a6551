"""``parefront report``: the page of a run."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.text import Text

from ..evaluators.results.views.units import plural, size
from ..report.figure import write_figure
from ..report.node_data import write_node_data
from ..report.page import write_report
from ..search.runs.run import Run
from ..search.runs.run_folder import RUNS, shown_path


def write_page(
    name: str, output: Path | None, figure: Path | None, nodes: Path | None = None, root: Path = Path(RUNS)
) -> None:
    """Write the page of a run, and where they are wanted a figure and node data for Model Explorer; say where."""
    run, console = Run.open(name, root), Console(highlight=False)
    if figure is not None:
        console.print(Text(f"written: {shown_path(write_figure(run, figure))}"), soft_wrap=True)
    if nodes is not None:
        count = plural(len(write_node_data(run, nodes)), "file")
        where = f"for the files in {shown_path(run.path)}/artifacts/"
        console.print(Text(f"written: {count} in {shown_path(nodes.resolve())}, {where}"), soft_wrap=True)
    written = write_report(run, output)
    text = f"written: {shown_path(written)} ({size(written.stat().st_size)}); open it in a browser"
    console.print(Text(text), soft_wrap=True)
