"""What a cluster costs and what it survives: Ray's overhead a candidate, and a search whose nodes are killed.

    python benchmarks/cluster.py overhead --candidates 40 --seconds 3
    python benchmarks/cluster.py kills --trials 60 --every 20

A cluster of three nodes on this machine, on loopback: one for the controller, two of one core each that compute. A
candidate is a formula's, after so many seconds of sleep, so that the machine's load hardly counts. Start-up (until the
first candidate is back, which makes the workers' evaluators) is stated, and not part of the overhead.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from machine import describe

from parefront.evaluators.device.device import Device
from parefront.evaluators.device.link import OpenDevice
from parefront.evaluators.results.candidate import Candidate
from parefront.evaluators.results.front import Front
from parefront.evaluators.trial.evaluator import Evaluator
from parefront.search.controller import search
from parefront.search.executors.ray.cluster import Cluster, ClusterOptions, keep_to_ourselves
from parefront.search.executors.ray.device_actors import DeviceActors
from parefront.search.executors.ray.executor import RayExecutor
from parefront.search.runs.events import Event, Finished
from parefront.search.runs.record import TrialRecord
from parefront.search.runs.run import Run
from parefront.spaces.policy import Policy

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tests.search.synthetic import SyntheticEvaluator

WORKERS = 2
NODE: dict[str, Any] = {"object_store_memory": 80 << 20, "include_dashboard": False}
ATTENTIVE = {"health_check_initial_delay_ms": 0, "health_check_period_ms": 500, "health_check_failure_threshold": 6}


class Sleeping(SyntheticEvaluator):
    """A formula whose candidates take their time."""

    seconds = 0.0

    def evaluate(self, policy: Policy, artifact: Path, rivals: Front | None = None) -> Candidate:
        time.sleep(self.seconds)
        return super().evaluate(policy, artifact, rivals)


@dataclass(frozen=True)
class JoinSleeping:
    seconds: float

    def __call__(self, open_device: OpenDevice, folder: Path) -> Evaluator:
        made = Sleeping()
        made.seconds = self.seconds
        return made


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
    keep_to_ourselves()
    from ray.cluster_utils import Cluster as Nodes

    nodes = Nodes(True, head_node_args={**NODE, "num_cpus": 0, "_system_config": ATTENTIVE})
    for _ in range(WORKERS):
        nodes.add_node(num_cpus=1, **NODE)
    try:
        if arguments.what == "overhead":
            overhead(nodes, arguments.candidates, arguments.seconds)
        else:
            kills(nodes, arguments.trials, arguments.seconds, arguments.every)
    finally:
        nodes.shutdown()


def overhead(nodes: Any, candidates: int, seconds: float) -> None:
    """Time from the first candidates that are back to the last, against what two workers that never wait would take."""
    began, _, times = searched(nodes, candidates + WORKERS, seconds)
    took = times[-1] - times[WORKERS - 1]
    ideal = candidates / WORKERS * seconds
    print(f"start-up {times[0] - began - seconds:.1f} s")
    print(f"{candidates} candidates of {seconds:g} s on {WORKERS} workers: {took:.2f} s, ideally {ideal:.2f} s")
    print(f"overhead {took / ideal - 1:.1%}, {1000 * (took - ideal) * WORKERS / candidates:.0f} ms a candidate")


def kills(nodes: Any, trials: int, seconds: float, every: float) -> None:
    """Kill a random node that computes every so often, add a new one, and count what is left of the search."""
    killed, generator, first = [], random.Random(0), threading.Event()
    found: list[tuple[float, Sequence[TrialRecord], list[float]]] = []
    thread = threading.Thread(target=lambda: found.append(searched(nodes, trials, seconds, first.set)))
    thread.start()
    first.wait()
    while thread.join(every) or thread.is_alive():  # nodes are started in the main thread alone
        node = generator.choice(sorted(nodes.worker_nodes, key=lambda node: str(node.node_id)))
        nodes.remove_node(node, allow_graceful=False)
        nodes.add_node(wait=False, num_cpus=1, **NODE)
        killed.append(node.node_id)
    began, records, times = found[0]
    digests = {record.policy.digest for record in records}
    print(f"{len(killed)} nodes killed in {times[-1] - began:.0f} s")
    outcomes = dict(Counter(record.outcome.value for record in records))
    print(f"{len(records)} of {trials} trials, {len(digests)} different policies: {outcomes}")
    print(f"longest time between two candidates {max(b - a for a, b in pairwise(times)):.1f} s")


def searched(
    nodes: Any, trials: int, seconds: float, on_first: Callable[[], None] = lambda: None
) -> tuple[float, Sequence[TrialRecord], list[float]]:
    """When a search began, its trials, and when each candidate was back."""
    times: list[float] = []

    def on_event(event: Event) -> None:
        if isinstance(event, Finished):
            times.append(time.monotonic())
            if len(times) == 1:
                on_first()

    with tempfile.TemporaryDirectory() as folder, closing(Cluster(ClusterOptions(nodes.address, WORKERS))) as cluster:
        config = {"objectives": ["accuracy", "latency"], "budget": []}
        config |= {"search": {"sampler": "random", "trials": trials, "seed": 0}}
        run = Run.resume_or_create("run", config, Path(folder))
        began = time.monotonic()
        executor = RayExecutor(cluster, DeviceActors({}), lambda folder, rivals: JoinSleeping(seconds))
        search(run, SyntheticEvaluator(), on_event, executor=executor)
        return began, run.trials, times


if __name__ == "__main__":
    main()
