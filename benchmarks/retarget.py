"""A finished run on another device: the time it takes, and its front against a fresh search of the same policies.

    python benchmarks/retarget.py [--trials 150]

Searches the quickstart with one thread, retargets the run to two, and searches with two threads what the first run has
measured in full. Each goes on where it was stopped.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from compare import REPOSITORY, RUNS

from parefront.cli import main as parefront
from parefront.search import Candidate, Run, replayed

CONFIG = REPOSITORY / "examples" / "fashion_mnist" / "search.yaml"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=150)
    trials = parser.parse_args().trials
    source, there, fresh = (RUNS / f"bench-retarget-{name}" for name in ("source", "two", "fresh"))
    command("search", str(CONFIG), "--run", str(source), "--trials", str(trials))
    seconds = command("retarget", str(source), "--device", "threads=2", "--run", str(there))
    policies = len(replayed(Run.open(source)))
    options = f"search.sampler_options={{run: {source}}}"
    command(
        *("search", str(CONFIG), "--run", str(fresh), "--trials", str(policies)),
        *("--set", "device.threads=2", "--set", "search.sampler=replay", "--set", options),
    )
    report(Run.open(source), Run.open(there), Run.open(fresh), seconds)


def report(source: Run, there: Run, fresh: Run, seconds: float) -> None:
    steps = [record.candidate.timings for record in there.trials if record.candidate is not None]
    measuring = float(np.median([step["latency"] for step in steps]))
    print(
        f"{len(steps)} of {len(source.trials)} candidates measured anew in {seconds:.0f} s; one measurement takes "
        f"{measuring:.2f} s, 150 of them {150 * measuring:.0f} s; accuracy runs: "
        f"{sum(step.get('accuracy', 0.0) > 0.0 for step in steps)}"
    )
    ours, theirs = ({c.policy.digest: c for c in run.front} for run in (there, fresh))
    print(f"on both fronts {len(ours.keys() & theirs.keys())}, on one alone {len(ours.keys() ^ theirs.keys())}")
    print(f"hypervolume {there.front.hypervolume():.4f}, fresh {fresh.front.hypervolume():.4f}")
    for digest in ours.keys() ^ theirs.keys():
        print(f"  {'retargeted' if digest in ours else 'fresh'} alone: {describe(ours.get(digest) or theirs[digest])}")


def describe(candidate: Candidate) -> str:
    accuracy, ratio = (candidate.metrics[key] for key in ("accuracy", "latency_ratio"))
    return f"{candidate.label}, {accuracy.value:.2%} at {ratio.value:.3f}x [{ratio.low:.3f}, {ratio.high:.3f}]"


def command(*arguments: str) -> float:
    started = time.perf_counter()
    code = parefront(arguments)
    if code not in (0, 4):
        raise SystemExit(code)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
