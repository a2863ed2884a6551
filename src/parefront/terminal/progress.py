"""What a person sees while a search runs: a live view in a terminal, one line a trial elsewhere."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console, Group, RenderableType
from rich.constrain import Constrain
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from ..evaluators.results.candidate import Candidate
from ..evaluators.results.front import Front
from ..evaluators.results.metric import Metric
from ..search.runs.events import Done, Event, Finalising, Finished, Noted, Probed, Probing, Started, Warned
from ..search.runs.record import TrialRecord
from ..units import duration, plural
from .tables import describe, front_table, thinned

TICK_SECONDS = 0.15
FRONT_ROWS = 8
CONTROL_C = 3
"""Columns left free: a terminal's echo of ^C at the end of a full line would wrap and displace the view."""


class View(Protocol):
    """Watches a search; entered before the first phase, left after the last event."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def phase(self, name: str) -> None:
        """A step of the preparation begins, ``"tracing the model"``, or has come further, ``"reading: 5 of 9"``."""
        ...

    def event(self, event: Event) -> None:
        """The search has something to tell."""
        ...


def view_for(console: Console, name: str) -> View:
    """The live view where the console is a terminal, else the plain one. ``name`` is the run's."""
    live = console.is_terminal and not console.is_dumb_terminal and not console.quiet
    return LiveView(console, name) if live else PlainView(console)


class Progress:
    """What is known of a running search: counts, the pace, the last and the best candidate."""

    def __init__(self) -> None:
        self.started = time.monotonic()
        self.searching_since: float | None = None
        self.seconds_left: float | None = None
        self.done = self.done_before = self.total = 0
        self.last: TrialRecord | None = None
        self.best: Candidate | None = None
        self.front: Front | None = None
        self.probing: Probing | None = None
        self.finalising: Finalising | None = None
        self.message = ""
        self.warnings: list[str] = []

    def update(self, event: Event) -> None:
        match event:
            case Warned():
                self.warnings.append(event.message)
            case Started():
                self.searching_since = time.monotonic()
                self.done = self.done_before = event.done
                self.total, self.front, self.seconds_left = event.total, event.front, event.seconds_left
            case Probing():
                self.searching_since = time.monotonic()
                self.probing = event if event.done < event.total else None
            case Finished():
                self.done, self.total = event.done, event.total
                self.last, self.front, self.best = event.record, event.front, event.best
            case Finalising():
                self.finalising = event
            case Done():
                self.front, self.message = event.front, event.message

    @property
    def elapsed(self) -> float:
        return time.monotonic() - self.started

    @property
    def left(self) -> float | None:
        """Seconds until the last trial at the pace of this session, or until its time is over; ``None`` at first."""
        fresh = self.done - self.done_before
        if self.searching_since is None or fresh == 0:
            return None
        passed = time.monotonic() - self.searching_since
        left = passed / fresh * (self.total - self.done)
        return left if self.seconds_left is None else min(left, max(0.0, self.seconds_left - passed))

    def timing(self) -> str:
        left = self.left
        text = f"{duration(self.elapsed)} elapsed"
        return text if left is None or self.finalising else f"{text}, {duration(left)} left"


def outcome(record: TrialRecord, quality: Metric) -> str:
    """A trial in one line: what was measured, or why there is nothing to measure."""
    if record.candidate is None:
        return f"trial {record.number}: {record.outcome.value}: {record.reason}"
    return f"trial {record.number}: {describe(record.candidate, quality)}"


def never_pays(choices: Sequence[str]) -> str:
    """What the probes say of choices that no objective wants."""
    return f"never pays on this device: {'; '.join(choices)}"


class PlainView:
    """One line for every phase and every trial, for logs and pipes."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress = Progress()

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
            case Probing(done=done, total=total):
                if done * 10 // max(1, total) != (done - 1) * 10 // max(1, total):
                    self._say(f"probing every knob [{done}/{total}]; {self._progress.timing()}")
            case Probed(unpaying=unpaying):
                if unpaying:
                    self._say(never_pays(unpaying))
            case Finished(record=record, done=done, total=total, front=front, best=best):
                best_so_far = f"; best {describe(best, front.quality)}" if best else ""
                self._say(f"[{done}/{total}] {outcome(record, front.quality)}{best_so_far}; {self._progress.timing()}")
            case Finalising(index=index, total=total, candidate=candidate):
                self._say(f"measuring the front again [{index}/{total}] {candidate.label}")
            case Done(message=message) | Noted(message=message):
                if message:
                    self._say(message)
                for warning in self._progress.warnings:  # the first ones are far above by then
                    self._say(f"warning: {warning}")

    def _say(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)
        sys.stdout.flush()


class LiveView:
    """A spinner while the search is prepared, then a progress bar, the best candidate and the front so far.

    Between events nothing is drawn while latency may be measured, so that drawing does not disturb it.
    """

    def __init__(self, console: Console, name: str) -> None:
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
        self._live.stop()

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
        elif isinstance(event, Done | Noted) and event.message:
            self._console.print(Text(event.message, style="yellow"))
        self._live.refresh()

    @property
    def draws_by_itself(self) -> bool:
        """Whether the spinner turns between events."""
        return self._ticking.is_set()

    def _finish_phase(self) -> None:
        """Leave a line for the phase that ends, with the time it took."""
        if self._phase:
            seconds = time.monotonic() - self._phase_since
            mark = "*" if ascii_only(self._console) else "✓"
            self._console.print(Text.assemble((f"{mark} ", "green"), self._phase, (f"  {seconds:.1f} s", "dim")))
            self._phase = ""

    def _tick(self) -> None:
        while not self._stop.is_set():
            self._ticking.wait()
            if not self._stop.wait(TICK_SECONDS) and self._ticking.is_set():
                self._live.refresh()

    def _render(self) -> RenderableType:
        progress = self._progress
        if self._phase:
            self._spinner.update(text=Text.assemble(self._phase, " …", (f"  {self._name}", "dim")))
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
        if probing is not None:
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
            f"{done}/{total}",
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
