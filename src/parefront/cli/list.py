"""``parefront list``: the runs of a folder, with state, trials, best candidate, date and size."""

from __future__ import annotations

import json
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..evaluators.results.views.units import plural, size
from ..search.runs.listing import RunSummary, State, list_runs
from ..spaces.masking import masked_text
from ..terminal.progress import ascii_only
from ..terminal.tables import describe

STYLES = {State.RUNNING: "cyan", State.FINISHED: "green", State.INTERRUPTED: "yellow", State.DAMAGED: "red"}


def show_list(root: Path, as_json: bool) -> None:
    """Print the runs, the latest first, as a table or as JSON."""
    found = list_runs(root)
    if as_json:
        print(json.dumps([summary.to_json() for summary in found], indent=2))
        return
    console = Console(highlight=False)
    if not found:
        console.print(Text(f"there are no runs under {root}; parefront search CONFIG.yaml makes one"))
        return
    console.print(_table(found, ascii_only(console)))
    for summary in found:
        if summary.problem:
            console.print(Text(f"{summary.name}: {masked_text(summary.problem)}", style="yellow"), soft_wrap=True)


def _table(found: list[RunSummary], plain: bool) -> Table:
    title = f"{plural(len(found), 'run')}, {size(sum(summary.size_bytes for summary in found))}"
    table = Table(
        title=title, title_justify="left", title_style="bold",
        box=box.ASCII if plain else box.SIMPLE_HEAD, padding=(0, 1, 0, 0),
    )  # fmt: skip
    table.add_column("run", overflow="fold")
    table.add_column("state", no_wrap=True)
    table.add_column("trials", justify="right", no_wrap=True)
    table.add_column("best within budget", overflow="fold")
    table.add_column("changed", no_wrap=True)
    table.add_column("size", justify="right", no_wrap=True)
    for summary in found:
        table.add_row(
            Text(summary.name),
            Text(summary.state.value, style=STYLES[summary.state]),
            f"{summary.done} of {summary.wanted}" if summary.wanted else "",
            _best(summary),
            f"{summary.changed:%Y-%m-%d %H:%M}",
            size(summary.size_bytes),
        )
    return table


def _best(summary: RunSummary) -> Text:
    """The best candidate in a few words, with what it is best within."""
    if summary.best is None:
        words = "" if not summary.done else f"none within {' and '.join(summary.budgets)}" if summary.budgets else ""
        return Text(words, style="dim")
    return Text(describe(summary.best, summary.quality))
