"""Do scores before training rank candidates as scores after it do? Kendall's τ on candidates of a search of ResNet-56.

    python benchmarks/recovery.py search --trials 60
    python benchmarks/ranking.py --sample 12 --steps 60 300

A sample of what the search has measured, evenly spread over accuracy, is trained for a few and for many steps of 128
images, each in one cycle from the repaired weights, and scored as an int8 file on the search split (2,000 images). The
share of pairs that a ranking gets wrong is (1 - τ) / 2.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import torch
from cifar10 import SPACE, task
from compare import latency_ratio
from recovery import SEARCHED
from scipy.stats import kendalltau

from parefront.compressors.recovery.rate import rate_for
from parefront.compressors.recovery.recipe import Recipe
from parefront.compressors.recovery.weights import Weights, weights_of
from parefront.evaluators.device.device import Device
from parefront.evaluators.results.candidate import Candidate
from parefront.evaluators.trial.builder import Builder, target_of
from parefront.evaluators.trial.scores.scorer import Scorer
from parefront.evaluators.trial.training.trainer import Trainer
from parefront.search.runs.run import Run

LEAST, MOST = 0.3, 0.92
"""Accuracies between which candidates are drawn: below nobody would look, above nothing is lost."""


def sample(run: Run, count: int) -> list[Candidate]:
    """Candidates evenly spread over the order of their accuracy."""
    found = [r.candidate for r in run.trials if r.candidate is not None and not r.candidate.stopped_early]
    ordered = sorted((c for c in found if LEAST <= c.accuracy <= MOST), key=lambda candidate: candidate.accuracy)
    if len(ordered) <= count:
        return ordered
    return [ordered[round(i * (len(ordered) - 1) / (count - 1))] for i in range(count)]


def trained(trainer: Trainer, candidate: Candidate, steps: int) -> Weights:
    """The weights after one cycle."""
    rate = rate_for(trainer.divergence(candidate.policy), trainer.recipe, steps)
    training = trainer.begin(candidate.policy, steps, rate)
    while training.done < steps:
        training.step()
    return weights_of(training.finish())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, default=SEARCHED)
    parser.add_argument("--sample", type=int, default=12)
    parser.add_argument("--steps", type=int, nargs="+", default=[60, 300])
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    run, given = Run.open(arguments.run), task(56, trains=True)
    with Device() as device:
        builder = Builder(given, SPACE, target_of(device.profile))
    trainer, scorer = Trainer(builder, Recipe(), given.train), Scorer(given, 2000)
    scores: dict[str, list[float]] = {"untrained": []}
    columns = [f"{steps} steps" for steps in arguments.steps]
    print("| trial | latency, of float | untrained % | " + " | ".join(f"{c} %" for c in columns) + " | CPU s |")
    print("|---" * (4 + len(columns)) + "|")
    with tempfile.TemporaryDirectory() as folder:
        for candidate in sample(run, arguments.sample):
            scores["untrained"].append(candidate.accuracy)
            started = time.process_time()
            for column, steps in zip(columns, arguments.steps, strict=True):
                weights = trained(trainer, candidate, steps)
                built = builder.build(candidate.policy, Path(folder) / "trained.onnx", weights=weights)
                scores.setdefault(column, []).append(scorer.score(built.session)["accuracy"].value)
            row = " | ".join(f"{100 * found[-1]:.2f}" for found in scores.values())
            took = time.process_time() - started
            print(f"| {candidate.trial} | {latency_ratio(candidate):.3f}x | {row} | {took:.0f} |", flush=True)
    names = list(scores)
    pairs = [(one, other) for i, one in enumerate(names) for other in names[i + 1 :]]
    taus = {f"{a} and {b}": round(float(kendalltau(scores[a], scores[b]).statistic), 3) for a, b in pairs}
    print(json.dumps(taus, indent=2))


if __name__ == "__main__":
    main()
