"""Time in tests: a clock that only moves when it is told to, and how long work takes beside other work."""

from __future__ import annotations

import time
from collections.abc import Callable


class HandClock:
    """Stands for the module ``time`` in the code under test; :meth:`sleep` alone moves it.

    Attributes:
        wall_ns: nanoseconds so far.
        cpu_share: of the time that passes, what this process computes.
    """

    def __init__(self, cpu_share: float = 0.0) -> None:
        self.wall_ns, self.cpu_share = 0, cpu_share

    def sleep(self, seconds: float) -> None:
        self.wall_ns += round(1e9 * seconds)

    def perf_counter_ns(self) -> int:
        return self.wall_ns

    def perf_counter(self) -> float:
        return self.wall_ns / 1e9

    monotonic = time = perf_counter

    def thread_time_ns(self) -> int:
        return round(self.cpu_share * self.wall_ns)

    process_time_ns = thread_time_ns

    def process_time(self) -> float:
        return self.thread_time_ns() / 1e9


def times_as_long(work: Callable[[], object], yardstick: Callable[[], object], repeats: int = 5) -> float:
    """CPU time of ``work`` by that of ``yardstick``: the least of each, in turn, so that both are slowed alike."""
    seconds: dict[Callable[[], object], list[float]] = {work: [], yardstick: []}
    for _ in range(repeats):
        for run, taken in seconds.items():
            started = time.process_time()
            run()
            taken.append(time.process_time() - started)
    return min(seconds[work]) / max(min(seconds[yardstick]), 1e-6)
