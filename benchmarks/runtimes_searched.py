"""ResNet-56/CIFAR-10 searched in ONNX Runtime and OpenVINO at once: its front beside what takes no search.

    python benchmarks/runtimes.py search [--network resnet56] [--trials 40] [--run runs/runtimes-resnet56]
    python benchmarks/runtimes.py search --budget 'accuracy >= -2.5pt' --run runs/within --probed runs/runtimes-resnet56

No training. Latencies are shares of ONNX Runtime's uncompressed float time, as the final step has measured them; the
best unsearched configuration is the fastest of the uncompressed and the plainly quantised network in every runtime.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cifar10 import SPACE
from compare import latency_ratio

import parefront as pf
from parefront.evaluators.results.candidate import Candidate
from parefront.search.runs.run import Run
from parefront.spaces.task import Task

LOSSES = (0.5, 1.0, 2.0)
"""Points of accuracy on the search split."""
AIMS = {0.5: (0.24, 0.85), 1.0: (0.21, 0.75), 2.0: (0.19, 0.70)}
"""Shares of ONNX Runtime's float and of the best unsearched configuration."""


def searched(
    given: Task,
    path: Path,
    trials: int,
    minutes: float | None,
    device: Mapping[str, Any],
    budget: Sequence[str] = (),
    probed: str | None = None,
) -> Run:
    """The search up to its trials or minutes, or what is left of it; with the probes of the run ``probed``."""
    return pf.compress(
        given, objectives=["accuracy", "latency"], trials=trials, minutes=minutes, compress=SPACE, run=path,
        device=device, budget=list(budget),
        search={"images": min(2000, len(given.search)), "seed": 0, "keep_artifacts": "all", "warm_start": probed},
    )  # fmt: skip


def told(run: Run) -> None:
    """Print the unsearched configurations, and what the front has at each loss, as Markdown."""
    front = run.front
    marks = unsearched(run)
    print("\n| unsearched | share | accuracy % (search split) |\n| --- | --- | --- |")
    for name, candidate in marks.items():
        print(f"| {name} | {latency_ratio(candidate):.3f} | {100 * candidate.accuracy:.2f} |")
    best = min(latency_ratio(candidate) for candidate in marks.values())
    print(f"\n{len(front)} on the front of {len(run.trials)} trials; best unsearched {best:.3f}\n")
    print("| loss at most | trial | runs in | share | aim | of the best unsearched | aim | loss | test % |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for loss, one in best_at(run).items():
        print(f"| {loss} pt | {_row(run, loss, best, one)} |")


def unsearched(run: Run) -> dict[str, Candidate]:
    """The uncompressed network and plain int8 in each runtime, by their names."""
    return {mark.name: mark.candidate for mark in run.landmarks_beside(run.front) if not mark.is_searched}


def best_at(run: Run) -> dict[float, Candidate | None]:
    """The fastest member that loses at most so many points on the search split; None where there is none."""
    fitting = {loss: [each for each in run.front if _loss(run, each) <= loss] for loss in LOSSES}
    return {loss: min(found, key=latency_ratio, default=None) for loss, found in fitting.items()}


def _row(run: Run, loss: float, best: float, one: Candidate | None) -> str:
    if one is None:
        return "none | | | | | | |"
    share, of_best = AIMS[loss]
    ratio = one.metrics["latency_ratio"]
    timed = f"{ratio.value:.3f} ({ratio.low:.3f} to {ratio.high:.3f}) | {share}"
    beside = f"{ratio.value / best:.2f} | {of_best} | {_loss(run, one):.2f}"
    tested = one.metrics["test_accuracy"].value
    return f"{one.trial} | {run.front.runtime_of(one)} | {timed} | {beside} | {100 * tested:.2f}"


def _loss(run: Run, candidate: Candidate) -> float:
    return 100 * (run.baseline.accuracy - candidate.accuracy)
