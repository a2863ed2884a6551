"""What a search of several runtimes has found, run by plain loops of each runtime's own API.

    python benchmarks/runtimes_members.py runs/runtimes-resnet56 [--network resnet56] [--rounds 40]

The members that ``runtimes.py search`` names at each loss, and the best unsearched configuration: milliseconds as a
share of ONNX Runtime's uncompressed float file, all in turn in one process, and accuracy on the whole test split.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import numpy as np
from compare import latency_ratio
from runtimes import accuracy, named, plain_loop, timed
from runtimes_searched import best_at, unsearched

from parefront.evaluators.quality.accuracy import split_inputs
from parefront.evaluators.results.candidate import Candidate
from parefront.evaluators.runtimes.choice import RuntimeChoice
from parefront.evaluators.runtimes.runtime import DEFAULT
from parefront.search.runs.run import Run
from parefront.spaces.runtime_knob import runtime_in


def chosen(run: Run) -> dict[str, Candidate]:
    """By what they are called in the table; the uncompressed file in ONNX Runtime first."""
    marks = unsearched(run)
    fastest = min(marks, key=lambda name: latency_ratio(marks[name]))
    members = {f"trial {each.trial}": each for each in best_at(run).values() if each is not None}
    return {"uncompressed": run.baseline, fastest: marks[fastest], **members}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--network", default="resnet56")
    parser.add_argument("--rounds", type=int, default=40)
    arguments = parser.parse_args()
    images, labels = split_inputs(named(arguments.network).test)  # type: ignore[arg-type]
    image = np.ascontiguousarray(images[:1])
    found = chosen(Run.open(arguments.run))
    where = {name: RuntimeChoice.of(runtime_in(each.policy) or DEFAULT) for name, each in found.items()}
    paths = {name: each.artifact for name, each in found.items()}
    loops = {
        name: plain_loop(path, where[name].runtime, where[name].precision, image)
        for name, path in paths.items()
        if path is not None
    }
    times = timed(loops, arguments.rounds)
    whole = times["uncompressed"]
    print(f"load {os.getloadavg()[0]:.1f}\n")
    print("| | runs in | measured | plain loop, CPU time | wall | test % | plain loop, test % |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name in loops:
        path, candidate = paths[name], found[name]
        assert path is not None
        shares = [ms / of for ms, of in zip(times[name], whole, strict=True)]
        right = accuracy(path, where[name].runtime, where[name].precision, images, np.asarray(labels))
        tested = candidate.metrics.get("test_accuracy")
        told = f"{100 * tested.value:.2f}" if tested else ""
        print(
            f"| {name} | {where[name].name} | {latency_ratio(candidate):.3f} | {shares[0]:.3f} | {shares[1]:.3f} | "
            f"{told} | {100 * right:.2f} |", flush=True,
        )  # fmt: skip


if __name__ == "__main__":
    main()
