"""What counts of the time of an evaluation, and what is too much."""

from __future__ import annotations

import pytest

from parefront.search.executors.pool.cores import cores_of_workers
from parefront.search.executors.pool.limits import Limits, Overrun, Watch
from parefront.search.executors.pool.vitals import Vitals, machine_memory, vitals_of

from ....clocks import HandClock


class Watched:
    """An evaluation whose process is looked at every second."""

    def __init__(self, limits: Limits) -> None:
        self.said: list[str] = []
        self._clock = HandClock()
        self.watch = Watch(limits, self.said.append, self._clock.monotonic)
        self._cpu = 0.0

    def run(self, seconds: int, state: str = "R", share: float = 1.0, memory: int = 0, waits: bool = False) -> None:
        for _ in range(seconds):
            self._clock.sleep(1.0)
            self._cpu += share
            self.watch.look(Vitals(state, self._cpu, memory), waits)


def test_what_takes_longer_than_its_deadline_is_an_overrun() -> None:
    watched = Watched(Limits(1e9, deadline_seconds=10.0))
    watched.run(10, share=1.0)
    with pytest.raises(Overrun, match=r"no result after 11 s, of 10 s"):
        watched.run(1, state="S", share=0.0)
    assert watched.said == []


def test_one_that_was_stopped_is_waited_for() -> None:
    watched = Watched(Limits(1e9, deadline_seconds=10.0))
    watched.run(9)
    watched.run(1000, state="T", share=0.0)
    assert watched.said == ["is stopped; its deadline waits"]
    watched.run(1)
    assert watched.said[1:] == ["goes on"]
    assert watched.watch.seconds == 10


def test_one_that_is_starved_is_waited_for_but_not_for_ever() -> None:
    watched = Watched(Limits(1e9, deadline_seconds=100.0))
    watched.run(900, state="R", share=0.01)
    assert watched.said == ["is starved of the processor; its deadline waits"]
    assert watched.watch.seconds < 10
    with pytest.raises(Overrun):
        watched.run(200, state="R", share=0.01)


def test_one_that_sleeps_hangs() -> None:
    watched = Watched(Limits(1e9, deadline_seconds=100.0))
    with pytest.raises(Overrun):
        watched.run(200, state="S", share=0.0)


def test_to_wait_for_a_device_does_not_count() -> None:
    watched = Watched(Limits(1e9, deadline_seconds=10.0))
    watched.run(1000, state="S", share=0.0, waits=True)
    assert watched.watch.seconds == 0


def test_memory_is_limited() -> None:
    watched = Watched(Limits(memory_bytes=2e9))
    watched.run(1, memory=1_900_000_000)
    with pytest.raises(Overrun, match=r"took 2.10 GB of memory, and may take 2.00 GB"):
        watched.run(1, memory=2_100_000_000)


def test_by_default_an_evaluation_may_take_twenty_times_the_longest_but_ten_minutes_at_least() -> None:
    limits = Limits(1e9)
    assert limits.deadline == 600
    limits.longest = 60.0
    assert limits.deadline == 1200


def test_a_process_is_looked_at_as_it_is() -> None:
    import os

    here = vitals_of(os.getpid())
    assert here is not None
    assert here.cpu_seconds > 0
    assert 1e7 < here.memory_bytes < machine_memory()
    assert vitals_of(2**22 + 1) is None


@pytest.mark.parametrize(
    ("cores", "workers", "threads", "expected"),
    [
        (range(2), 1, 1, [()]),
        (range(4), 1, 1, [(0, 1, 2)]),
        (range(2), 2, 1, [(0,), (1,)]),
        (range(2), 3, 1, [(0,), (1,), (0,)]),
        (range(4), 2, 1, [(0, 2), (1,)]),
        (range(8), 3, 2, [(0, 3), (1, 4), (2, 5)]),
        (range(8), 8, 2, [(0,), (1,), (2,), (3,), (4,), (5,), (6,), (7,)]),
        ([], 2, 1, [(), ()]),
    ],
)
def test_cores_are_shared_out_and_where_they_are_plenty_the_device_s_are_left_free(
    cores: range, workers: int, threads: int, expected: list[tuple[int, ...]]
) -> None:
    assert cores_of_workers(cores, workers, threads) == expected
