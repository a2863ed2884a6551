"""What a worker's process does while nothing is heard of it: it is stopped, starved, at work, or hangs."""

from __future__ import annotations

import logging
import os
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

STOPPED_SECONDS = 600.0
"""For which a stopped worker is waited for."""
STARVED_TIMES = 3.0
"""How many times its deadline a worker is given more that the machine leaves hardly any time."""
STARVED_SHARE = 0.5
"""Of its time that a process waits for a core, or for its memory to be read back from the disk, where it is starved."""
LOOK_SECONDS = 0.5
"""How often a process is looked at."""
SAY_SECONDS = 2.0
"""After which a wait for a stopped worker is told."""
ALIVE_SECONDS = 5.0
"""Within which a worker that is alive gives a sign of it, every two seconds."""
_LOG = logging.getLogger("parefront")


@dataclass(frozen=True)
class Spent:
    """What a process has had by a moment, in seconds: of a processor, and of waiting for one (0 where unknown)."""

    at: float
    cpu: float
    waited: float


class Process:
    """One process of this machine, as Linux tells of it; elsewhere nothing is known of it.

    Args:
        pid: of a process that is a child of this one, so that its number is not given to another.
        computes: whether it does the work itself; ``ssh`` only leads to whoever does.
        proc: where the system tells of its processes.
    """

    def __init__(self, pid: int, computes: bool = True, proc: Path = Path("/proc")) -> None:
        self.pid, self.computes = pid, computes
        self._folder = proc / str(pid)
        self._ticks = os.sysconf("SC_CLK_TCK")

    @property
    def state(self) -> str:
        """One letter: R runs or could, S is asleep, D waits for a disk, T is stopped, Z is dead; "" where unknown."""
        return "".join(self._fields()[:1])

    @property
    def stopped(self) -> bool:
        """Whether it was stopped: by SIGSTOP, Ctrl-Z or a debugger."""
        return self.state in ("T", "t")

    def spent(self) -> Spent:
        fields = self._fields()
        cpu = (int(fields[11]) + int(fields[12])) / self._ticks if len(fields) > 12 else 0.0
        return Spent(time.monotonic(), cpu, self._queued())

    def _fields(self) -> list[str]:
        """Those of its ``stat`` behind the name, from the state on."""
        with suppress(OSError):
            return (self._folder / "stat").read_text(errors="replace").rpartition(")")[2].split()
        return []

    def _queued(self) -> float:
        """Seconds that its busiest thread was ready to run, and another process had the core."""
        found = [0.0]
        with suppress(OSError):
            for thread in (self._folder / "task").iterdir():
                with suppress(OSError, ValueError, IndexError):
                    found.append(int((thread / "schedstat").read_text().split()[1]) / 1e9)
        return max(found)


class Patience:
    """How long one request is waited for, by what its process is doing; the time of a stopped one does not count.

    Args:
        process: that serves the request.
        seconds: the request's own deadline.
        silence: after which a worker that gives no sign of life is given up; infinite where it may be silent.
    """

    def __init__(self, process: Process, seconds: float, silence: float) -> None:
        self._process, self._seconds = process, seconds
        self.silence = silence
        self._began = self._since = process.spent()
        self._looked = self._heard = self._began.at
        self.deadline = self._began.at + seconds
        self._stopped = self._more = self._disk = 0.0
        self._told = ""

    def left(self) -> float:
        """Seconds to wait from now; not above 0 where it is over."""
        now = time.monotonic()
        return min(self.deadline, self._heard + self.silence) - now

    @property
    def silent(self) -> bool:
        """Whether it is over for want of any sign of life, and not of the answer."""
        return self._heard + self.silence < self.deadline

    def heard(self) -> None:
        """There was a sign of life."""
        self._heard = time.monotonic()

    def look(self) -> None:
        """To be called every now and then: sees whether the process is stopped, or waits for a disk."""
        passed = time.monotonic() - self._looked
        if passed < LOOK_SECONDS and self.left() > 0:
            return
        self._looked += passed
        state = self._process.state
        self._disk += passed if state == "D" else 0.0
        if state not in ("T", "t"):
            return
        self._stopped += passed
        if self._stopped > STOPPED_SECONDS:
            return
        self.deadline += passed
        self._heard += passed
        if self._stopped > SAY_SECONDS:
            self._say(f"it is stopped (SIGSTOP or Ctrl-Z); kill -CONT {self._process.pid} lets it go on")

    def extended(self) -> bool:
        """Whether there is more time once it is over: for one that the machine has left hardly any."""
        most = STARVED_TIMES * self._seconds
        if not self._process.computes or self._process.stopped or self._more >= most or not self._is_starved():
            return False
        more = min(self._seconds, most - self._more)
        self._more += more
        self._say(f"the machine is busy: {self._had()}")
        self._since, self._disk = self._process.spent(), 0.0
        self._heard = self._since.at
        self.deadline = max(self.deadline, self._heard + more)
        return True

    def found(self) -> str:
        """What became of it, for the message of an error."""
        name = f"the worker (process {self._process.pid})"
        if self._process.stopped:
            return f"{name} is stopped, for {self._stopped:.0f} s by now; kill -CONT {self._process.pid} lets it go on"
        if not self._process.computes:
            beat = time.monotonic() - self._heard
            if beat < ALIVE_SECONDS:
                return f"the worker there is alive, its last sign of life came {beat:.0f} s ago"
            return f"nothing came for {beat:.0f} s: the connection is cut, or the worker there is stopped or starved"
        now = self._process.spent()
        if self._is_starved():
            return f"{name} was starved: {self._had()}; end other programs, or set device.deadline_seconds"
        share = (now.cpu - self._began.cpu) / max(1e-3, now.at - self._began.at)
        if share > 0.5:
            return f"{name} was computing all the while; a greater device.deadline_seconds gives it more time"
        return f"{name} hangs: it had {self._had()}, and waited for none"

    def _is_starved(self) -> bool:
        now = self._process.spent()
        return now.waited - self._since.waited + self._disk > STARVED_SHARE * (now.at - self._since.at)

    def _had(self) -> str:
        now = self._process.spent()
        return f"{now.cpu - self._began.cpu:.1f} s of a processor in {now.at - self._began.at:.0f} s"

    def _say(self, what: str) -> None:
        if what != self._told:
            self._told = what
            _LOG.warning("waiting for the worker (process %d): %s", self._process.pid, what)
