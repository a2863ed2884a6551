"""``parefront search``: search as a config says, or go on, and show the front."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from ..config.schema import load_config
from ..evaluators.results.views.units import plural
from ..report.page import write_report
from ..search.runs.events import Event, OnEvent
from ..search.runs.run import Run
from ..search.stopping import EndedBy, Stopping
from ..session import Job, interrupted
from ..spaces.errors import ParefrontError
from ..spaces.messages import first_line
from ..terminal.progress import view_for
from .exit_codes import INTERRUPTED
from .front import show_run
from .quiet import quiet
from .watching import Watching, announce


def run_search(path: Path, name: str | None, overrides: list[str], root: Path, watch: bool = False) -> int:
    """Search as a config says; see :func:`drive`."""
    return drive(Job.from_file(load_config(path, overrides), path, name, root), watch)


def drive(job: Job, watch: bool = False, *, training: bool = False) -> int:
    """Search, show the front and where it was written; return the exit code.

    Args:
        job: the search.
        watch: whether its page is served meanwhile.
        training: whether the user has asked for nothing but recovery, of a search that may have ended before.

    Raises:
        NoCandidate: where the front is shown, but nobody on it meets the budget.
    """
    quiet()
    console = Console(highlight=False)
    before = len(list(job.run.glob("trials/*.json")))
    trained = Run.open(job.run).recovered.done if training else None
    try:
        with _watched(job, console, watch) as watching, view_for(console, job.run.name) as view:
            run = job.search(view.phase, _telling(view.event, watching))
    except KeyboardInterrupt:
        with suppress(OSError):  # of a terminal that is gone
            print(interrupted(job.run, "command"), file=sys.stderr)
        return INTERRUPTED
    ended = _training_ended(run, trained) if training else _search_ended(run, before)
    if ended:
        console.print(Text(f"run {run.name} is finished: {ended}"))
    _write_page(run)
    show_run(console, run, run.front, ())
    if run.settings.budgets:
        run.front.select()
    return 0


def _search_ended(run: Run, before: int) -> str:
    """Of a run that has as many trials as ``before`` the command: what has ended it, and what goes on."""
    done = sum(run.counts.values())
    ending = Stopping.of(run).reached() if done == before else None
    if ending is None:
        return ""
    why = "" if ending.by is EndedBy.TRIALS else f" ({ending.text})"
    return f"{plural(done, 'trial')}{why}; --{ending.by} N goes on to more"


def _training_ended(run: Run, before: Mapping[str, Any] | None) -> str:
    """What has ended the training; ``before`` is what was done of it before the command."""
    asked = run.recover
    already = " already" if run.recovered.done == before else ""
    if asked.minutes is not None:
        return f"its front was{already} trained for {asked.minutes:g} minutes; --minutes N goes on to more"
    done = f"trained for {plural(asked.steps, 'step')} each" if asked.steps else "repaired without training"
    return f"its front was{already} {done}; --steps N goes on to more"


@contextmanager
def _watched(job: Job, console: Console, watch: bool) -> Iterator[Watching | None]:
    """The page that is served meanwhile, its address printed; None where none is wanted."""
    if not watch:
        yield None
        return
    with Watching(job.run) as watching:
        announce(console, watching)
        yield watching


def _telling(on_event: OnEvent, watching: Watching | None) -> OnEvent:
    if watching is None:
        return on_event

    def tell(event: Event) -> None:
        on_event(event)
        watching.heard(event)

    return tell


def _write_page(run: Run) -> None:
    """The page of what was found; a search whose page cannot be written has ended well all the same."""
    try:
        write_report(run)
    except (ParefrontError, OSError) as error:
        run.log(f"the page was not written: {first_line(error)}")
        print(f"the page was not written: {first_line(error)}", file=sys.stderr)
