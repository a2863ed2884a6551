"""What a cluster costs and what it survives: Ray's overhead beside the pool's, and a search whose nodes are killed.

    python benchmarks/cluster.py overhead --candidates 40 --seconds 3
    python benchmarks/cluster.py kills --trials 60 --every 20

A cluster of three nodes on this machine, on loopback: one for the controller, two of one core each that compute. A
candidate is a formula's, after so many seconds of sleep, so that the machine's load hardly counts. Start-up (until the
first candidate is back, which makes the workers' evaluators) is stated, and not part of the overhead.
"""

from __future__ import annotations

import argparse
import os
import random
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

from machine import describe
from nodes import WORKERS, replace_one, three_nodes
from sleeping import JoinSleeping, MakeSleeping, sleeping

from parefront.evaluators.device.device import Device
from parefront.evaluators.device.remote.owner import DeviceOwner
from parefront.search.controller import search
from parefront.search.executors.executor import Executor
from parefront.search.executors.pool.pool import PoolExecutor, PoolOptions
from parefront.search.executors.ray.cluster import Cluster, ClusterOptions
from parefront.search.executors.ray.device_actors import DeviceActors
from parefront.search.executors.ray.executor import RayExecutor
from parefront.search.runs.events import Event, Finished
from parefront.search.runs.record import TrialRecord
from parefront.search.runs.run import Run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["overhead", "kills"])
    parser.add_argument("--candidates", type=int, default=40)
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--seconds", type=float, default=3.0, help="that a candidate takes")
    parser.add_argument("--every", type=float, default=20.0, help="seconds between two kills")
    arguments = parser.parse_args()
    with Device() as device:
        print(describe(device.profile))
    os.environ["PYTHONPATH"] = str(Path(__file__).parent)  # where worker processes find the formula
    with three_nodes() as nodes:
        if arguments.what == "overhead":
            overhead(nodes, arguments.candidates, arguments.seconds)
        else:
            kills(nodes, arguments.trials, arguments.seconds, arguments.every)


def overhead(nodes: Any, candidates: int, seconds: float) -> None:
    """Time from the first candidates that are back to the last, on Ray, in the pool, and of workers that never wait."""
    ideal = candidates / WORKERS * seconds
    print(f"{candidates} candidates of {seconds:g} s on {WORKERS} workers, ideally {ideal:.2f} s")
    took = {}
    for name, open_executor in (("ray", on_ray(nodes, seconds)), ("pool", in_pool(seconds))):
        began, _, times = searched(open_executor, candidates + WORKERS)
        took[name] = times[-1] - times[WORKERS - 1]
        waited = 1000 * (took[name] - ideal) * WORKERS / candidates
        start = times[0] - began - seconds
        print(f"{name}: {took[name]:.2f} s, {waited:.0f} ms more a candidate than ideally, start-up {start:.1f} s")
    print(
        f"overhead of Ray {took['ray'] / took['pool'] - 1:.1%} against the pool, {took['ray'] / ideal - 1:.1%} in all"
    )


def kills(nodes: Any, trials: int, seconds: float, every: float) -> None:
    """Kill a random node that computes every so often, add a new one, and count what is left of the search."""
    killed, generator, first = 0, random.Random(0), threading.Event()
    found: list[tuple[float, Sequence[TrialRecord], list[float]]] = []
    thread = threading.Thread(target=lambda: found.append(searched(on_ray(nodes, seconds), trials, first.set)))
    thread.start()
    first.wait()
    thread.join(every)
    while thread.is_alive():  # nodes are started in the main thread alone
        replace_one(nodes, generator)
        killed += 1
        thread.join(every)
    began, records, times = found[0]
    digests = {record.policy.digest for record in records}
    print(f"{killed} nodes killed in {times[-1] - began:.0f} s")
    outcomes = dict(Counter(record.outcome.value for record in records))
    print(f"{len(records)} of {trials} trials, {len(digests)} different policies: {outcomes}")
    print(f"longest time between two candidates {max(b - a for a, b in pairwise(times)):.1f} s")


OpenExecutor = Callable[[], AbstractContextManager[Executor]]


def on_ray(nodes: Any, seconds: float) -> OpenExecutor:
    @contextmanager
    def opened() -> Iterator[Executor]:
        with closing(Cluster(ClusterOptions(nodes.address, WORKERS))) as cluster:
            yield RayExecutor(cluster, DeviceActors({}), lambda folder, rivals: JoinSleeping(seconds))

    return opened


def in_pool(seconds: float) -> OpenExecutor:
    @contextmanager
    def opened() -> Iterator[Executor]:
        yield PoolExecutor(MakeSleeping(seconds), DeviceOwner(), PoolOptions(WORKERS, device_threads=0))

    return opened


def searched(
    open_executor: OpenExecutor, trials: int, on_first: Callable[[], None] = lambda: None
) -> tuple[float, Sequence[TrialRecord], list[float]]:
    """When a search began, its trials, and when each candidate was back."""
    times: list[float] = []

    def on_event(event: Event) -> None:
        if isinstance(event, Finished):
            times.append(time.monotonic())
            if len(times) == 1:
                on_first()

    with tempfile.TemporaryDirectory() as folder, open_executor() as executor:
        drawn = {"sampler": "random", "trials": trials, "seed": 0}
        config = {"objectives": ["accuracy", "latency"], "budget": [], "search": drawn}
        run = Run.resume_or_create("run", config, Path(folder))
        began = time.monotonic()
        search(run, sleeping(0.0), on_event, executor=executor)
        return began, run.trials, times


if __name__ == "__main__":
    main()
