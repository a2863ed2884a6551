"""The quickstart killed ten times (SIGKILL, at random moments), against the same search left alone.

    python benchmarks/kills.py --trials 24

The random sampler is used, whose policies do not depend on what was measured: then both searches must end with the same
policies and the same accuracies, and latencies that differ by their noise. After every kill the records of the
finished trials must be there still, byte for byte.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np

REPOSITORY = Path(__file__).resolve().parents[1]
RUNS = REPOSITORY / "runs"
CONFIG = "examples/fashion_mnist/search.yaml"


def start(name: str, trials: int) -> subprocess.Popen[bytes]:
    options = ["--run", name, "--trials", str(trials), "--set", "search.sampler=random", "--set", "search.images=1000"]
    command = [sys.executable, "-m", "parefront", "search", CONFIG, *options]
    return subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def records(name: str) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((RUNS / name / "trials").glob("*.json"))}


def outcome(name: str) -> dict[str, tuple[float, float]]:
    """Accuracy and latency ratio of every trial, by the policy's digest."""
    found = [json.loads(content) for content in records(name).values()]
    assert len({fields["digest"] for fields in found}) == len(found), "a policy was evaluated twice"
    return {f["digest"]: tuple(f["metrics"][m]["value"] for m in ("accuracy", "latency_ratio")) for f in found}


def kill_often(name: str, trials: int, kills: int, generator: random.Random) -> int:
    """Kill the search ``kills`` times and let it end; returns how many trials the last kill left."""
    left: Mapping[str, bytes] = {}
    for index in range(kills):
        process = start(name, trials)
        time.sleep(generator.uniform(8, 40))
        assert process.poll() is None, "the search ended before it could be killed; give it more --trials"
        process.kill()
        process.wait()
        there = records(name)
        assert all(there.get(key) == content for key, content in left.items()), "a finished trial was lost or changed"
        left = there
        print(f"kill {index + 1}: {len(left)} trials finished", flush=True)
    assert start(name, trials).wait() == 0
    assert all(records(name)[key] == content for key, content in left.items()), "a finished trial was lost or changed"
    return len(left)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=24)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    arguments = parser.parse_args()
    killed, whole = "bench-killed", "bench-whole"
    for name in (killed, whole):
        shutil.rmtree(RUNS / name, ignore_errors=True)
    kill_often(killed, arguments.trials, arguments.kills, random.Random(arguments.seed))
    assert start(whole, arguments.trials).wait() == 0
    first, second = outcome(killed), outcome(whole)
    assert first.keys() == second.keys(), "the two searches tried different policies"
    assert all(first[digest][0] == second[digest][0] for digest in first), "accuracies differ"
    ratios = np.array([first[digest][1] / second[digest][1] for digest in first])
    print(
        f"{len(first)} trials in both: same policies, same accuracies; latency ratios killed / whole: "
        f"median {np.median(ratios):.3f}, from {ratios.min():.3f} to {ratios.max():.3f}"
    )


if __name__ == "__main__":
    main()
