"""A search of the command line on a cluster of three nodes on this machine, whose nodes may be killed on the way.

    python benchmarks/cluster_search.py examples/fashion_mnist/search.yaml
    python benchmarks/cluster_search.py examples/fashion_mnist/search.yaml --sampler random --trials 60 --kill-every 20

One node has the device and the controller, two of one core each compute. The command is ``parefront search`` with
``executor: {name: ray}``; afterwards the run's records tell how many trials there are, which failed, whether a policy
was evaluated twice, and whether anything was computed while a latency was read. With ``--beside-local`` the same is
searched by one worker of the cluster and without one, and their policies are compared.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import yaml
from machine import describe
from nodes import replace_one, three_nodes

from parefront.evaluators.device.device import Device
from parefront.evaluators.results.span import READING, Span
from parefront.search.runs.run import Run

DEVICE = "device:board"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path)
    parser.add_argument("--trials", type=int)
    parser.add_argument("--sampler")
    parser.add_argument("--kill-every", type=float, help="seconds between two kills of a node that computes")
    parser.add_argument("--beside-local", action="store_true")
    arguments = parser.parse_args()
    with Device() as device:
        print(describe(device.profile))
    config = yaml.safe_load(arguments.config.read_text())
    config["task"] = str(arguments.config.parent.resolve() / config["task"])
    asked = {"trials": arguments.trials, "sampler": arguments.sampler}
    config["recover"] = {}
    config["search"] |= {name: value for name, value in asked.items() if value is not None}
    with tempfile.TemporaryDirectory() as folder, three_nodes({DEVICE: 1}) as nodes:
        workers = 1 if arguments.beside_local else len(nodes.worker_nodes)
        ray = {"name": "ray", "address": nodes.address, "workers": workers, "device_nodes": {"": DEVICE}}
        code = searched(config | {"executor": ray}, "ray", Path(folder), nodes, arguments.kill_every)
        told(Run.open("ray", Path(folder)), config["search"]["trials"])
        if arguments.beside_local:
            code |= searched(config | {"executor": {"name": "local"}}, "local", Path(folder), nodes, None)
            compared(Run.open("ray", Path(folder)), Run.open("local", Path(folder)))
    return code


def searched(config: dict[str, Any], name: str, root: Path, nodes: Any, kill_every: float | None) -> int:
    """Search by the command line, killing a random node that computes every so often and adding another one."""
    path = root / f"{name}.yaml"
    path.write_text(yaml.safe_dump(config))
    command = [sys.executable, "-m", "parefront", "search", str(path), "--run", name, "--root", str(root)]
    generator, killed, began = random.Random(0), 0, time.monotonic()
    process = subprocess.Popen(command, env=os.environ)
    while True:
        try:
            code = process.wait(kill_every)
            break
        except subprocess.TimeoutExpired:
            replace_one(nodes, generator)
            killed += 1
    print(f"{name}: exit code {code} after {time.monotonic() - began:.0f} s, {killed} nodes killed")
    return code


def told(run: Run, asked: int) -> None:
    digests = {record.policy.digest for record in run.trials}
    outcomes = dict(Counter(record.outcome.value for record in run.trials))
    print(f"{len(run.trials)} of {asked} trials, {len(digests)} different policies: {outcomes}")
    spans = [span for record in run.trials if record.candidate for span in record.candidate.spans]
    readings, computed = partition(spans)
    both = [one for one in readings for other in computed if one.began < other.ended and other.began < one.ended]
    seconds = sum(span.ended - span.began for span in readings)
    print(f"{len(computed)} spans of computing, {len(readings)} of reading ({seconds:.1f} s): {len(both)} overlaps")


def partition(spans: list[Span]) -> tuple[list[Span], list[Span]]:
    return [span for span in spans if span.step == READING], [span for span in spans if span.step != READING]


def compared(one: Run, other: Run) -> None:
    """How far two searches agree, trial by trial."""
    pairs = list(zip(one.trials, other.trials, strict=False))
    policies = [a.policy == b.policy for a, b in pairs]
    both = [(a.candidate, b.candidate) for a, b in pairs if a.policy == b.policy and a.candidate and b.candidate]
    files = [a.sha256 == b.sha256 for a, b in both]
    accuracies = [a.metrics["accuracy"].value == b.metrics["accuracy"].value for a, b in both]
    print(
        f"equal policies {sum(policies)} of {len(pairs)}, files {sum(files)} and accuracies {sum(accuracies)} of them"
    )


if __name__ == "__main__":
    sys.exit(main())
