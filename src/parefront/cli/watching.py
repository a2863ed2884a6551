"""The page of a run served while it is searched, by the search itself or by another process."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from typing import Self

from rich.console import Console
from rich.text import Text

from ..evaluators.device.lock import THIS_MACHINE, shared
from ..report.document import Report
from ..report.live import LivePage
from ..search.runs.events import Done, Event
from ..search.runs.run import Run
from ..spaces.errors import ParefrontError

LEAST_SECONDS = 1.0
"""Between one look at the run and the next."""
MOST_SHARE = 0.05
"""Of a search's time that the page may take."""


class Watching:
    """Serves the page of a run, and reads the run anew when it is told that something has happened, in that thread.

    So nothing is read while the search waits for a measurement, and all of it takes a twentieth of the time at most.

    Args:
        folder: of the run, which need not be there yet.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._page, self._next = folder, LivePage(), 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._page.close()

    @property
    def url(self) -> str:
        """Where the page is."""
        return self._page.url

    def heard(self, event: Event) -> None:
        """Look at the run, if that was not done just now; in any case once all is done."""
        if isinstance(event, Done) or time.monotonic() >= self._next:
            self.look()

    def look(self) -> None:
        """Show what the run has by now; nothing of one that has measured nothing, or whose files cannot be read."""
        started = time.monotonic()
        with suppress(ParefrontError, OSError):  # the search tells of what ails it
            self._page.show(Report.of(Run.open(str(self._folder))))
        took = time.monotonic() - started
        self._next = started + took + max(LEAST_SECONDS, took / MOST_SHARE)


def watch_run(name: str, root: Path) -> None:
    """Serve the page of a run that another process searches, until the keyboard interrupts.

    Raises:
        ParefrontError: where there is no such run, or it has measured nothing yet.
    """
    run = Run.open(name, root)
    Report.of(run)
    with Watching(run.path) as watching:
        announce(Console(highlight=False), watching)
        seen: object = None
        try:
            while True:
                there = _state(run.path)
                if there != seen:
                    with shared(THIS_MACHINE):
                        watching.look()
                    seen = there
                time.sleep(LEAST_SECONDS)
        except KeyboardInterrupt:
            return


def announce(console: Console, watching: Watching) -> None:
    """Say where the page is."""
    console.print(Text(f"watch: {watching.url}"), soft_wrap=True)


def _state(folder: Path) -> tuple[int, ...]:
    """When anything that the page shows was last written, in nanoseconds."""
    parts = (
        folder / name for name in ("baseline.json", "trials", "final", "recovered", "beside", "front.json", "log.txt")
    )
    return tuple(part.stat().st_mtime_ns if part.exists() else 0 for part in parts)
