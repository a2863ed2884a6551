"""How a process fares, as Linux tells: its memory, the CPU time that it has had, whether it was stopped."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Vitals:
    """A look at a process.

    Attributes:
        state: ``R`` runs or wants to, ``S`` sleeps, ``D`` waits for the disk, ``T`` is stopped, ``Z`` has ended.
        cpu_seconds: of all its threads so far.
        memory_bytes: that are resident.
    """

    state: str
    cpu_seconds: float
    memory_bytes: int

    @property
    def is_stopped(self) -> bool:
        """Whether somebody has sent it SIGSTOP, or traces it."""
        return self.state in ("T", "t")


def vitals_of(pid: int) -> Vitals | None:
    """None of a process that is gone, or where the system does not tell."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
        resident = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError, ValueError):
        return None
    fields = stat[stat.rindex(")") + 2 :].split()
    ticks = int(fields[11]) + int(fields[12])
    return Vitals(fields[0], ticks / os.sysconf("SC_CLK_TCK"), resident * os.sysconf("SC_PAGE_SIZE"))


def machine_memory() -> int:
    """Bytes of memory that this process may use: the machine's, or its control group's where that is less."""
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            limits.append(int(Path(path).read_text()))
        except (OSError, ValueError):
            continue
    return min(limits)
