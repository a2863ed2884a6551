"""What a person sees while a search runs: a live view in a terminal, one line a trial elsewhere."""

from __future__ import annotations

import errno
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.constrain import Constrain
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from ..evaluators.results.fronts.front import Front
from ..evaluators.results.views.units import duration, plural
from ..search.runs.events import (
    Done,
    Event,
    Finalising,
    Finished,
    Noted,
    Probed,
    Probing,
    Recovered,
    Recovering,
    Started,
    Warned,
)
from ..search.runs.record import TrialRecord
from .tables import describe, front_table, thinned
from .watching import Progress, View, never_pays, outcome, recovered

TICK_SECONDS = 0.15
QUIET_TICK_SECONDS = 2.0
"""While latency may be measured. A table takes 2.5 ms of CPU to draw, a spinner 0.1: a thousandth of the time."""
TRAINING_SECONDS = 30.0
"""Between two lines of a view without a terminal on the same training."""
FRONT_ROWS = 8
CONTROL_C = 3
"""Columns left free: a terminal's echo of ^C at the end of a full line would wrap and displace the view."""


def view_for(console: Console, name: str) -> View:
    """The live view where the console is a terminal, else the plain one. ``name`` is the run's."""
    live = console.is_terminal and not console.is_dumb_terminal and not console.quiet
    return LiveView(console, name) if live else PlainView(console)


@contextmanager
def terminal_may_be_gone() -> Iterator[None]:
    """Nobody reads what is written into a terminal that was closed: the search goes on until its signal ends it.

    A pipe whose reader is gone is another error, and ends the command as ever.
    """
    try:
        yield
    except OSError as error:
        if error.errno != errno.EIO:
            raise


class PlainView:
    """One line for every phase and every trial, for logs and pipes; while a member is trained, one in half a minute."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress = Progress()
        self._training_told: tuple[str, float] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def phase(self, name: str) -> None:
        self._say(f"{name} …")

    def event(self, event: Event) -> None:
        self._progress.update(event)
        match event:
            case Warned(message=message):
                self._say(f"warning: {message}")
            case Started(done=done, total=total, baseline=baseline, front=front):
                going_on = f", going on after {plural(done, 'trial')}" if done else ""
                self._say(f"uncompressed: {describe(baseline, front.quality)}; {plural(total, 'trial')}{going_on}")
            case Probing(total=0):
                self._say("probing every knob …")
            case Probing(done=done, total=total):
                if done * 10 // max(1, total) != (done - 1) * 10 // max(1, total):
                    self._say(f"probing every knob [{done}/{total}]; {self._progress.timing()}")
            case Probed(unpaying=unpaying):
                if unpaying:
                    self._say(never_pays(unpaying))
            case Finished(record=record, done=done, total=total, front=front, best=best):
                best_so_far = f"; best {describe(best, front.quality)}" if best else ""
                self._say(f"[{done}/{total}] {outcome(record, front.quality)}{best_so_far}; {self._progress.timing()}")
            case Recovering():
                self._training(event)
            case Recovered():
                self._training_told = None
                self._say(recovered(event))
            case Finalising(index=index, total=total, candidate=candidate):
                timing = self._progress.timing()
                self._say(f"measuring the front again [{index}/{total}] {candidate.label}; {timing}")
            case Noted(message=message):
                self._say(message)
            case Done(message=message):
                if message:
                    self._say(message)
                for warning in self._progress.warnings:  # the first ones are far above by then
                    self._say(f"warning: {warning}")

    def _training(self, event: Recovering) -> None:
        """At the first step of a round, and every half minute."""
        label, now = event.candidate.label, time.monotonic()
        told = self._training_told
        if told is None or told[0] != label or now - told[1] >= TRAINING_SECONDS:
            self._training_told = label, now
            self._say(f"training {label} [{event.done}/{event.total}]; {self._progress.timing()}")

    @terminal_may_be_gone()
    def _say(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)
        sys.stdout.flush()


class LiveView:
    """A spinner while the search is prepared, then a progress bar, the best candidate and the front so far.

    Between events little is drawn while latency may be measured, so that drawing does not disturb it.
    """

    def __init__(self, console: Console, name: str) -> None:
        console.file = console.file  # also while a library is silenced by putting something else into sys.stdout
        self._console = console
        self._name = name
        self._progress = Progress()
        self._phase = ""
        self._phase_since = time.monotonic()
        self._spinner = Spinner("dots" if not ascii_only(console) else "line")
        self._live = Live(console=console, auto_refresh=False, transient=True, get_renderable=self._render)
        self._stop = threading.Event()
        self._ticking = threading.Event()
        self._ticker = threading.Thread(target=self._tick, name="parefront-spinner", daemon=True)

    def __enter__(self) -> Self:
        self._live.start()
        self._ticker.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._ticking.set()
        self._ticker.join()
        with suppress(OSError):  # of a terminal that is gone
            self._live.stop()

    @terminal_may_be_gone()
    def phase(self, name: str) -> None:
        if name.partition(":")[0] == self._phase.partition(":")[0]:
            self._phase = name  # it has come further
        else:
            self._finish_phase()
            self._phase, self._phase_since = name, time.monotonic()
        if name.startswith("measuring"):
            self._ticking.clear()
        else:
            self._ticking.set()
        self._live.refresh()

    @terminal_may_be_gone()
    def event(self, event: Event) -> None:
        self._finish_phase()
        self._ticking.clear()
        self._progress.update(event)
        if isinstance(event, Warned):
            self._console.print(Text(f"warning: {event.message}", style="yellow"))
        elif isinstance(event, Started):
            self._console.print(Text.assemble(("uncompressed ", "dim"), describe(event.baseline, event.front.quality)))
        elif isinstance(event, Probed) and event.unpaying:
            self._console.print(Text(never_pays(event.unpaying), style="yellow"))
        elif isinstance(event, Recovered):
            self._console.print(Text(recovered(event), style="green" if event.after else "dim"))
        elif isinstance(event, Done | Noted) and event.message:
            self._console.print(Text(event.message, style="yellow"))
        self._live.refresh()

    @property
    def tick_seconds(self) -> float:
        """How often it is drawn between events."""
        return TICK_SECONDS if self._ticking.is_set() else QUIET_TICK_SECONDS

    def _finish_phase(self) -> None:
        """Leave a line for the phase that ends, with the time it took."""
        if self._phase:
            seconds = time.monotonic() - self._phase_since
            mark = "*" if ascii_only(self._console) else "✓"
            self._console.print(Text.assemble((f"{mark} ", "green"), self._phase, (f"  {seconds:.1f} s", "dim")))
            self._phase = ""

    def _tick(self) -> None:
        while not self._stop.is_set():
            often = self._ticking.wait(QUIET_TICK_SECONDS)
            if not (often and self._stop.wait(TICK_SECONDS)):
                with suppress(OSError):
                    self._live.refresh()

    def _render(self) -> RenderableType:
        progress = self._progress
        if self._phase:
            seconds = time.monotonic() - self._phase_since
            passed = f"  {duration(seconds)}" if seconds >= QUIET_TICK_SECONDS else ""
            self._spinner.update(text=Text.assemble(self._phase, " …", (f"{passed}  {self._name}", "dim")))
            return self._spinner
        if progress.total == 0:
            return Text()
        parts: list[RenderableType] = [self._bar()]
        if progress.last is not None and progress.front is not None:
            parts.append(self._facts(progress.last, progress.front))
        if progress.front is not None and len(progress.front):
            shown = thinned(progress.front, FRONT_ROWS, progress.best)
            parts.append(front_table(shown, self._console.width - CONTROL_C, ascii_only=ascii_only(self._console)))
            if len(shown) < len(progress.front):
                parts.append(Text(f"{len(shown)} of the {len(progress.front)} on the front", style="dim"))
        return Constrain(Group(*parts), self._console.width - CONTROL_C)

    def _bar(self) -> Table:
        progress = self._progress
        final, probing = progress.finalising, progress.probing
        what, done, total = "searching", progress.done, progress.total
        if progress.recovering is not None and final is None:
            training = progress.recovering
            what, done, total = f"training {training.candidate.label}", training.done, training.total
        elif probing is not None:
            what, done, total = "probing every knob", probing.done, probing.total
        elif final is not None:
            what, done, total = "measuring the front again", final.index - 1, final.total
        row = Table.grid(expand=True, padding=(0, 1))
        row.add_column(no_wrap=True)
        row.add_column(ratio=1)
        row.add_column(no_wrap=True)
        row.add_column(no_wrap=True)
        row.add_row(
            Text(what, style="bold"),
            ProgressBar(total=max(1, total), completed=done, complete_style="green", finished_style="green"),
            f"{done}/{total}" if total else "",
            Text(progress.timing(), style="dim"),
        )
        return row

    def _facts(self, last: TrialRecord, front: Front) -> Table:
        progress = self._progress
        table = Table.grid(padding=(0, 2))
        table.add_column(style="dim", no_wrap=True, min_width=4)
        table.add_column(no_wrap=True, overflow="ellipsis")
        table.add_row("last", Text(outcome(last, front.quality)))
        budgets = " and ".join(map(str, front.budgets))
        within = f"  (within {budgets})" if budgets else ""
        if progress.best is not None:
            best = f"{progress.best.label}: {describe(progress.best, front.quality)}"
            table.add_row("best", Text.assemble((best, "bold green"), (within, "dim")))
        elif budgets:
            table.add_row("best", Text(f"none yet within {budgets}", style="yellow"))
        return table


def ascii_only(console: Console) -> bool:
    """Whether the console's encoding lacks the characters for lines and marks."""
    return not console.encoding.lower().startswith("utf")
