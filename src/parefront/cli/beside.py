"""``parefront report --beside``: networks of a user's own, measured as landmarks of a run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

from ..landmarking import measure_beside
from ..search.runs.run import Run
from ..spaces.messages import printable
from ..terminal.progress import view_for
from ..terminal.tables import describe
from .quiet import quiet


def place_beside(name: str, files: Sequence[Path], root: Path) -> None:
    """Measure what of the files was not measured beside the run before, and show what is known of each.

    Raises:
        ConfigError: for a run whose task is in Python, too, and else as :func:`parefront.beside`.
    """
    run, console = Run.open(name, root), Console(highlight=False)
    quiet()
    with view_for(console, run.name) as view:
        marks = measure_beside(run, files, None, view.phase)
    quality = run.front.quality
    for mark in marks:
        console.print(
            Text.assemble((f"{printable(mark.name)}: ", "bold"), describe(mark.candidate, quality)), soft_wrap=True
        )
