"""``parefront search``: search as a config says, or go on, and show the front."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

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


def drive(job: Job, watch: bool = False) -> int:
    """Search, show the front and where it was written; return the exit code.

    Args:
        job: the search.
        watch: whether its page is served meanwhile.

    Raises:
        NoCandidate: where the front is shown, but nobody on it meets the budget.
    """
    quiet()
    console = Console(highlight=False)
    before = len(list(job.run.glob("trials/*.json")))
    try:
        with _watched(job, console, watch) as watching, view_for(console, job.run.name) as view:
            run = job.search(view.phase, _telling(view.event, watching))
    except KeyboardInterrupt:
        with suppress(OSError):  # of a terminal that is gone
            print(interrupted(job.run, "command"), file=sys.stderr)
        return INTERRUPTED
    done = sum(run.counts.values())
    ending = Stopping.of(run).reached() if done == before else None
    if ending is not None:
        why = "" if ending.by is EndedBy.TRIALS else f" ({ending.text})"
        more = f"--{ending.by} N goes on to more"
        console.print(Text(f"run {run.name} is finished: {plural(done, 'trial')}{why}; {more}"))
    _write_page(run)
    show_run(console, run, run.front, ())
    if run.settings.budgets:
        run.front.select()
    return 0


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
