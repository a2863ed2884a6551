"""What the commands about configs and runs do: search, front, export, profile."""

from __future__ import annotations

import json
import shlex
import sys
import warnings
from contextlib import suppress
from pathlib import Path

from rich.console import Console
from rich.text import Text

from ..config.schema import load_config
from ..evaluators.results.candidate import Candidate
from ..evaluators.results.errors import NoCandidate
from ..evaluators.results.front import Front
from ..search.runs.events import Warned
from ..search.runs.run import Run
from ..session import Job, interrupted, within
from ..spaces.errors import ConfigError
from ..terminal.progress import ascii_only, view_for
from ..terminal.tables import describe, front_plot, front_table
from ..units import duration, plural
from .app import INTERRUPTED
from .profile import profile_json, profile_tables


def run_search(path: Path, name: str | None, overrides: list[str]) -> int:
    """Search as a config says; see :func:`drive`."""
    return drive(Job.from_file(load_config(path, overrides), path, name))


def drive(job: Job) -> int:
    """Search, show the front and where it was written; return the exit code.

    Raises:
        NoCandidate: where the front is shown, but nobody on it meets the budget.
    """
    quiet()
    console = Console(highlight=False)
    before = len(list(job.run.glob("trials/*.json")))
    try:
        with view_for(console, job.run.name) as view:
            run = job.search(view.phase, view.event)
    except KeyboardInterrupt:
        with suppress(OSError):  # of a terminal that is gone
            print(interrupted(job.run, "command"), file=sys.stderr)
        return INTERRUPTED
    done = sum(run.counts.values())
    if done == before and done >= run.settings.trials:
        console.print(Text(f"run {run.name} is finished: {plural(done, 'trial')}; --trials N goes on to more"))
    _show_run(console, run, run.front, ())
    if run.settings.budgets:
        run.front.select()
    return 0


def show_front(name: str, where: tuple[str, ...], as_json: bool) -> None:
    """Print the front of a run, as JSON or as a table and a plot."""
    run = Run.open(name)
    front = within(run.front, where)
    if as_json:
        members = {candidate.trial for candidate in front}
        document = run.to_json()
        document["candidates"] = [entry for entry in document["candidates"] if entry["trial"] in members]
        print(json.dumps(document, indent=2, allow_nan=False))
        return
    _show_run(Console(highlight=False), run, front, where)


def export_model(name: str, output: Path, where: tuple[str, ...], trial: int | None, by: str | None) -> None:
    """Copy a candidate's artefact out of a run."""
    run = Run.open(name)
    candidate = run.front.select(*where, by=by) if trial is None else _of_trial(run, trial)
    path = candidate.export(output)
    console = Console(highlight=False)
    console.print(Text(f"{candidate.label}: {describe(candidate, run.settings.quality)}"))
    console.print(Text(f"written: {path}, {path.with_suffix('.yaml')}"), soft_wrap=True)


def show_profile(path: Path, overrides: list[str], as_json: bool) -> None:
    """Print what tracing finds in the model of a config."""
    quiet()
    job = Job.from_file(load_config(path, overrides), path, None)
    with (
        view_for(Console(stderr=True, quiet=as_json), path.name) as view,
        job.evaluator(view.phase, lambda message: view.event(Warned(message))) as evaluator,
    ):
        graph, space = evaluator.traced.graph, evaluator.space
    if as_json:
        print(json.dumps(profile_json(graph, space), indent=2))
        return
    console = Console(highlight=False)
    for table in profile_tables(graph, space):
        console.print(table)


def _show_run(console: Console, run: Run, front: Front, where: tuple[str, ...]) -> None:
    plain = ascii_only(console)
    members = {candidate.trial for candidate in front}
    others = [r.candidate for r in run.trials if r.candidate is not None and r.number not in members]
    console.print(front_table(front, console.width, ascii_only=plain))
    if len(front):
        console.print(front_plot(front, others, min(console.width, 110), ascii_only=plain))
    console.print(Text(f"\n{_summary(run, front)}"))
    try:
        best = front.select(*where)
    except NoCandidate:
        best = None
    if best is not None and front.budgets:
        budgets = " and ".join(map(str, front.budgets))
        console.print(
            Text.assemble((f"best within {budgets}: ", "bold"), f"{best.label}: {describe(best, front.quality)}")
        )
    if run.finished:
        folder = _short(run.path)
        console.print(Text(f"written: {folder}/front.json, front.csv, artifacts/"), soft_wrap=True)
        if best is not None:
            again = shlex.join(["parefront", "export", _argument(run), *_options("--where", where), "-o", "model.onnx"])
            console.print(Text(f"next: {again}", style="dim"), soft_wrap=True)
    else:
        console.print(Text("the search is not finished: its own command goes on with it", style="yellow"))


def _summary(run: Run, front: Front) -> str:
    counts = ", ".join(f"{number} {outcome}" for outcome, number in run.counts.items() if number)
    return f"{len(front)} on the front; {counts or 'no trials'}; {duration(run.seconds)} in all"


def _of_trial(run: Run, number: int) -> Candidate:
    known: list[Candidate] = [*run.front, *(record.candidate for record in run.trials if record.candidate is not None)]
    for candidate in known:
        if candidate.trial == number:
            return candidate
    numbers = ", ".join(str(candidate.trial) for candidate in run.front)
    raise ConfigError(f"run {run.name} has no candidate of trial {number}; on its front: {numbers}")


def _short(path: Path) -> Path:
    """Relative to the working directory where it lies below it."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _options(name: str, values: tuple[str, ...]) -> list[str]:
    """An option that is given once for every value."""
    return [word for value in values for word in (name, value)]


def _argument(run: Run) -> str:
    """How the run is named on the command line."""
    return run.name if run.path == (Path("runs") / run.name).resolve() else str(_short(run.path))


def quiet() -> None:
    """Warnings of the libraries below are for developers; they would tear the live view."""
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
