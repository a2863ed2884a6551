"""A finished run on another device: the time it takes, and its front against a fresh search of the same policies.

    python benchmarks/retarget.py [--trials 150]

Searches the quickstart with one thread, retargets the run to two, and searches with two threads what the first run has
measured in full. Each goes on where it was stopped.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from compare import REPOSITORY, RUNS, int8_anchor

from parefront.cli.main import main as parefront
from parefront.evaluators.results.candidate import Candidate
from parefront.evaluators.results.fronts.hypervolume import hypervolume
from parefront.evaluators.results.metric import TEN_POINTS
from parefront.search.runs.run import Run
from parefront.search.samplers.replay import replayed

CONFIG = REPOSITORY / "examples" / "fashion_mnist" / "search.yaml"
UNTRAINED = ("--set", "recover.when=none")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=150)
    trials = parser.parse_args().trials
    source, there, fresh = (RUNS / f"bench-retarget-{name}" for name in ("source", "two", "fresh"))
    command("search", str(CONFIG), "--run", str(source), "--trials", str(trials), *UNTRAINED)
    seconds = command("retarget", str(source), "--device", "threads=2", "--run", str(there))
    policies = len(replayed(Run.open(source)))
    options = f"search.sampler_options={{run: {source}}}"
    command(
        *("search", str(CONFIG), "--run", str(fresh), "--trials", str(policies), *UNTRAINED),
        *("--set", "device.threads=2", "--set", "search.sampler=replay", "--set", options),
    )
    report(Run.open(source), Run.open(there), Run.open(fresh), seconds)


def report(source: Run, there: Run, fresh: Run, seconds: float) -> None:
    candidates = [record.candidate for record in there.trials if record.candidate is not None]
    measuring = float(np.median([c.timings["latency"] for c in candidates if not c.stopped_early]))
    print(
        f"{len(candidates)} of {len(source.trials)} candidates measured anew in {seconds:.0f} s, "
        f"{sum(c.stopped_early for c in candidates)} of them by a short look; a measurement in full takes "
        f"{measuring:.2f} s, 150 of them {150 * measuring:.0f} s; accuracy runs: "
        f"{sum(c.timings.get('accuracy', 0.0) > 0.0 for c in candidates)}"
    )
    ours, theirs = ({c.policy.digest: c for c in run.front} for run in (there, fresh))
    print(f"on both fronts {len(ours.keys() & theirs.keys())}, on one alone {len(ours.keys() ^ theirs.keys())}")
    anchors = int8_anchor(there), int8_anchor(fresh)
    print(f"int8 against the uncompressed model: {anchors[0]:.3f}x, fresh {anchors[1]:.3f}x")
    print(f"hypervolume {volume(there, 1.0):.4f}, fresh {volume(fresh, anchors[0] / anchors[1]):.4f}")
    for digest in ours.keys() ^ theirs.keys():
        print(f"  {'retargeted' if digest in ours else 'fresh'} alone: {describe(ours.get(digest) or theirs[digest])}")


def volume(run: Run, scale: float) -> float:
    """Of the front, its int8 members' ratios multiplied by ``scale``: two runs read int8's own ratio differently."""
    base = run.search_baseline.metrics["accuracy"].value

    def ratio(member: Candidate) -> float:
        in_int8 = any("quantize/" in knob for knob in member.policy)
        return member.metrics["latency_ratio"].value * (scale if in_int8 else 1.0)

    points = [[base - member.metrics["accuracy"].value, ratio(member)] for member in run.front]
    return hypervolume(np.array(points), [TEN_POINTS, 1.0]) / TEN_POINTS


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
