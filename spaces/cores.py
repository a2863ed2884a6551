"""The cores that this process may use: fewer than the machine has in a worker process, a container, under taskset."""

from __future__ import annotations

import os

GIVEN = "OMP_NUM_THREADS"
"""How many threads a process is told to use, as Ray tells its workers, which it keeps to no cores."""


def own_cores() -> list[int]:
    """The cores that the system lets this process run on; none where it does not tell."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


def core_count() -> int:
    """How many threads this process should compute with: one for each of its cores, fewer where it is told so."""
    cores = len(own_cores()) or os.cpu_count() or 1
    told = os.environ.get(GIVEN, "").split(",")[0].strip()
    return min(cores, int(told)) if told.isdecimal() and int(told) > 0 else cores
