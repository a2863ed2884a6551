"""``parefront front``: the front of a run as a table and a plot, or as JSON."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

from rich.console import Console
from rich.text import Text

from ..evaluators.results.errors import NoCandidate
from ..evaluators.results.fronts.front import Front
from ..evaluators.results.fronts.picks import Pick, picks
from ..evaluators.results.fronts.refuted import contradiction
from ..evaluators.results.fronts.ties import best_to_json, cheaper_tie
from ..evaluators.results.views.policy_words import candidate_in_words
from ..evaluators.results.views.units import duration
from ..report.page import PAGE
from ..search.runs.run import Run
from ..search.runs.run_facts import date_of, devices_of
from ..search.runs.run_folder import RUNS, argument_of, shown_path
from ..search.runs.run_shown import device_line
from ..spaces.messages import enumerated, printable
from ..terminal.progress import ascii_only
from ..terminal.tables import describe, front_plot, front_table

MOST_TIES = 4
"""That are named of a pick."""


def show_front(name: str, where: tuple[str, ...], as_json: bool, root: Path = Path(RUNS)) -> None:
    """Print the front of a run, as JSON or as a table and a plot."""
    run = Run.open(name, root)
    front = run.front.within(*where)
    if as_json:
        members = {candidate.trial for candidate in front}
        document = run.to_json()
        document["candidates"] = [entry for entry in document["candidates"] if entry["trial"] in members]
        document["picks"] = [pick.to_json() for pick in picks(front)]
        document["best"] = best_to_json(front)
        print(json.dumps(document, indent=2, allow_nan=False))
        return
    show_run(Console(highlight=False), run, front, where, "files")


def show_run(console: Console, run: Run, front: Front, where: tuple[str, ...], files: str = "written") -> None:
    """Print a front, the best within ``where``, where it lies, and the command that comes next.

    Args:
        console: where to.
        run: of the front.
        front: its members within ``where``.
        where: budgets.
        files: what is said of the run's files: that they are ``written``, or just that these are they.
    """
    plain = ascii_only(console)
    members = {candidate.trial for candidate in front}
    others = [r.candidate for r in run.trials if r.candidate is not None and r.number not in members]
    console.print(Text(_measured_on(run), style="dim"), soft_wrap=True)
    console.print(front_table(front, console.width, ascii_only=plain))
    if len(front):
        console.print(front_plot(front, others, min(console.width, 110), ascii_only=plain))
    console.print(Text(f"\n{_summary(run, front)}"))
    try:
        best = front.select(*where)
    except NoCandidate:
        best = None
    cheaper = None if best is None else cheaper_tie(front, best)
    if best is not None and (front.budgets or cheaper is not None):
        within = f" within {' and '.join(map(str, front.budgets))}" if front.budgets else ""
        console.print(Text.assemble((f"best{within}: ", "bold"), f"{best.label}: {describe(best, front.quality)}"))
    if cheaper is not None:
        told = f"{cheaper.label}: {describe(cheaper, front.quality)}"
        console.print(Text.assemble(("as good within the noise, and cheaper: ", "bold"), told))
    if against := contradiction(run.front, *where):
        console.print(Text(against, style="yellow"))
    for pick in picks(front):
        console.print(Text.assemble((f"{enumerated(pick.names)}: ", "bold"), _worded(pick, front)))
    for mark in run.landmarks_beside(run.front)[1:]:
        if mark.file or (front.runtimes and not mark.is_searched):
            trial = "" if mark.file else f"{mark.candidate.label}: "
            text = f"{trial}{describe(mark.candidate, front.quality)}"
            console.print(Text.assemble((f"{printable(mark.name)}: ", "dim"), text))
    if run.finished:
        folder = shown_path(run.path)
        console.print(Text(f"{files}: {folder}/front.json, front.csv, artifacts/"), soft_wrap=True)
        if (run.path / PAGE).is_file():
            console.print(Text(f"to look at: {folder}/{PAGE}"), soft_wrap=True)
        if best is not None:
            again = shlex.join(
                ["parefront", "export", argument_of(run.path), *_options("--where", where), "-o", "model.onnx"]
            )
            console.print(Text(f"next: {again}", style="dim"), soft_wrap=True)
    else:
        console.print(Text("the search is not finished: its own command goes on with it", style="yellow"))


def _measured_on(run: Run) -> str:
    """``demo, 2026-11-27: Intel Xeon, onnxruntime 1.31.0, 1 thread, batch 1``; each device where there are several."""
    told = devices_of(run.made_with, run.environment).values()
    return f"{run.name}, {date_of(run.path)[:10]}: {'; '.join(map(device_line, told))}"


def _worded(pick: Pick, front: Front) -> str:
    """``trial 3: 76.4% at 0.081x, 3.47 KB; 3 blocks dropped; a tie with trial 10``."""
    candidate = pick.candidate
    said = f"{candidate.label}: {describe(candidate, front.quality)}; {candidate_in_words(candidate)}{_ties(pick)}"
    return said if front.is_useful(candidate) else f"{said}; of no use"


def _ties(pick: Pick) -> str:
    if not pick.ties:
        return ""
    is_one, more = len(pick.ties) == 1, len(pick.ties) - MOST_TIES
    numbers = ", ".join(str(tie.trial) for tie in pick.ties[:MOST_TIES])
    those = f"{'trial' if is_one else 'trials'} {numbers}{f' and {more} more' if more > 0 else ''}"
    if pick.ties_in_quality:
        return f"; a tie with {those}"
    return f"; {those} {'costs' if is_one else 'cost'} the same within the noise"


def _summary(run: Run, front: Front) -> str:
    counts = ", ".join(f"{number} {outcome}" for outcome, number in run.counts.items() if number)
    return f"{len(front)} on the front; {counts or 'no trials'}; {duration(run.seconds)} in all"


def _options(name: str, values: tuple[str, ...]) -> list[str]:
    """An option that is given once for every value."""
    return [word for value in values for word in (name, value)]
