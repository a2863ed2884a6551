"""What an evaluation may take in a worker process: time that it could have used, and memory."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from .vitals import Vitals

LEAST_DEADLINE_SECONDS = 600.0
LONGER_THAN_ANY = 20.0
"""Times the longest evaluation so far, that one may take by default, but ten minutes at least."""
STOPPED, STARVED = "is stopped", "is starved of the processor"
LEAST_SHARE, WINDOW_SECONDS = 0.05, 4.0
"""Share of a core that a process which wants to run gets, or it is starved; looked at over so many seconds."""
SAY_SECONDS = 5.0
"""After which one that is stopped or starved is worth a line."""
PATIENCE = 10.0
"""Times its deadline after which one that is starved is given up, too; one that was stopped never is."""


@dataclass
class Limits:
    """Of all evaluations of a search.

    Attributes:
        memory_bytes: resident, of one worker.
        deadline_seconds: None for twenty times the longest so far.
        longest: seconds of the longest evaluation so far.
    """

    memory_bytes: float
    deadline_seconds: float | None = None
    longest: float = field(default=0.0, init=False)

    @property
    def deadline(self) -> float:
        """Seconds that an evaluation may take now."""
        return self.deadline_seconds or max(LEAST_DEADLINE_SECONDS, LONGER_THAN_ANY * self.longest)


class Overrun(Exception):
    """An evaluation has used up what it may; the message says what."""


class Watch:
    """Watches one evaluation.

    The seconds in which the process was stopped, waited for a device or wanted to run and was not let do not count.

    Args:
        limits: of the search.
        tell: told once that the process is stopped or starved, where that lasts, and that it goes on.
        clock: seconds.
    """

    def __init__(
        self, limits: Limits, tell: Callable[[str], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limits, self._tell, self._clock = limits, tell, clock
        self._last = self._began = self._well = clock()
        self._sampled: tuple[float, float] | None = None
        self._starved = self._told = False
        self.seconds = 0.0

    def look(self, vitals: Vitals | None, waits_for_device: bool) -> None:
        """Count the time since the last look.

        Args:
            vitals: of the process now.
            waits_for_device: whether it waits for an answer of the devices' owner, which has deadlines of its own.

        Raises:
            Overrun: where it is beyond its deadline or the memory limit.
        """
        now = self._clock()
        passed, self._last = now - self._last, now
        hindered = "" if vitals is None or waits_for_device else self._hindered(vitals, now)
        self._say(hindered, now)
        if not hindered and not waits_for_device:
            self.seconds += passed
        if vitals is not None and vitals.memory_bytes > self._limits.memory_bytes:
            had, most = vitals.memory_bytes / 1e9, self._limits.memory_bytes / 1e9
            raise Overrun(f"its process took {had:.2f} GB of memory, and may take {most:.2f} GB (executor.memory)")
        deadline = self._limits.deadline
        if self.seconds > deadline or (hindered == STARVED and now - self._began > PATIENCE * deadline):
            raise Overrun(
                f"no result after {self.seconds:.0f} s, of {deadline:.0f} s that it may take "
                "(executor.deadline_seconds)"
            )

    def _hindered(self, vitals: Vitals, now: float) -> str:
        """Why the process does not get on, though nothing of its own holds it up."""
        if vitals.is_stopped:
            self._sampled = None
            return STOPPED
        if self._sampled is None:
            self._sampled, self._starved = (now, vitals.cpu_seconds), False
        since, before = self._sampled
        if now - since >= WINDOW_SECONDS:
            got = (vitals.cpu_seconds - before) / (now - since)
            self._starved = vitals.state in ("R", "D") and got < LEAST_SHARE
            self._sampled = now, vitals.cpu_seconds
        return STARVED if self._starved else ""

    def _say(self, hindered: str, now: float) -> None:
        if not hindered:
            self._well = now
            if self._told:
                self._tell("goes on")
            self._told = False
        elif not self._told and now - self._well >= SAY_SECONDS:
            self._tell(f"{hindered}; its deadline waits")
            self._told = True
