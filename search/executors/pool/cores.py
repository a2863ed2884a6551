"""Which cores of this machine each worker uses."""

from __future__ import annotations

from collections.abc import Collection

SPARE = 4
"""Cores for each one that the device's threads need, from which on they are left free."""


def cores_of_workers(cores: Collection[int], workers: int, device_threads: int) -> list[tuple[int, ...]]:
    """A set of cores for each worker, as equal as can be.

    While a latency is read on this machine, no worker computes. Where cores are plenty, those that the device's
    threads need are left free all the same, so that caches and clocks are what they were.

    Args:
        cores: of this machine.
        workers: how many; with more of them than cores several share one.
        device_threads: of the devices on this machine, 0 where there is none.

    Returns:
        Sets of cores; an empty one means that the worker runs as the search's own process does.
    """
    ordered = sorted(cores)
    if not ordered:
        return [()] * workers
    free = len(ordered) - device_threads
    if len(ordered) >= SPARE * device_threads and free >= workers:
        ordered = ordered[:free]
    if workers == 1 and len(ordered) == len(cores):
        return [()]
    if workers >= len(ordered):
        return [(ordered[index % len(ordered)],) for index in range(workers)]
    return [tuple(ordered[index::workers]) for index in range(workers)]
