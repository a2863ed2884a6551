"""A real network of three layers, all of whose policies are tried: how much of the true hypervolume a search finds.

    python benchmarks/enumerable.py [--trials 60] [--seeds 0 1 2]

Two convolutions and a linear layer, trained here for two epochs on the quickstart's images; two and four ratios for the
two groups of channels and four bit-widths for each layer make 512 policies. Objectives are accuracy and bytes, which
are the same whenever they are measured, so that the true front is known. With few images the front is made of luck: of
512 policies the best on 500 images has 0.6 points more than the original, a twentieth of the hypervolume.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from example import quickstart
from torch import nn
from torch.utils.data import DataLoader

from parefront.evaluators.device.device_options import DeviceOptions
from parefront.evaluators.device.latency import LatencyProtocol
from parefront.evaluators.results.candidate import Candidate
from parefront.evaluators.results.fronts.front import Front
from parefront.evaluators.trial.evaluate import TaskEvaluator
from parefront.search.controller import search
from parefront.search.runs.run import Run
from parefront.spaces.errors import Infeasible
from parefront.spaces.policy import Policy
from parefront.spaces.task import Task

COMPRESS: dict[str, dict[str, Any]] = {
    "prune_channels": {"ratios": [0, 0.25, 0.5, 0.75]},
    "quantize": {"bits": [32, 8, 4, 2]},
}
OBJECTIVES = ["accuracy", "size"]
HARDLY = LatencyProtocol(min_samples=1, min_seconds=0.01, max_seconds=0.02, warmup_seconds=0.01)
"""Latency is no objective here."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--samplers", nargs="+", default=["auto", "random", "nsga2", "tpe"])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--images", type=int, default=None, help="search images; all of them by default")
    arguments = parser.parse_args()
    evaluator = TaskEvaluator(trained(), COMPRESS, DeviceOptions(), arguments.images, latency=HARDLY, racing=False)
    with tempfile.TemporaryDirectory() as folder:
        truth = everything(evaluator, Path(folder))
        print(f"true hypervolume {truth.hypervolume():.4f}, {len(truth.candidates)} on the front", flush=True)
        for sampler, seed in itertools.product(arguments.samplers, arguments.seeds):
            chosen = {"sampler": sampler, "trials": arguments.trials, "seed": seed}
            config = {"objectives": OBJECTIVES, "compress": COMPRESS, "search": chosen}
            run = Run.resume_or_create(f"{sampler}-{seed}", config, Path(folder))
            search(run, evaluator)
            tried = [record.candidate for record in run.trials if record.candidate is not None]
            found = Front.of(tried, OBJECTIVES, truth.baseline).hypervolume()
            print(
                f"{sampler}, seed {seed}: {found / truth.hypervolume():.1%} of it in {len(run.trials)} trials",
                flush=True,
            )
    evaluator.close()


def everything(evaluator: TaskEvaluator, folder: Path) -> Front:
    """The front of all policies of the space."""
    baseline, started = evaluator.baseline(folder / "artifacts"), time.perf_counter()
    knobs = list(evaluator.space)
    found: dict[str, Candidate] = {}
    for choices in itertools.product(*(knob.choices for knob in knobs)):
        pairs = zip(knobs, choices, strict=True)
        policy = Policy({knob.name: choice for knob, choice in pairs if choice != knob.neutral})
        try:
            found[policy.digest] = evaluator.evaluate(policy, folder / "candidate.onnx")
        except Infeasible:
            continue
    print(f"{len(found)} policies, {time.perf_counter() - started:.0f} s", flush=True)
    return Front.of(found.values(), OBJECTIVES, baseline)


def trained() -> Task:
    """The quickstart's task with a network of three layers in place of its own."""
    task = quickstart()
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 32, 3, stride=2, padding=1), nn.ReLU(), nn.Conv2d(32, 64, 3, stride=2, padding=1), nn.ReLU(),
        nn.AvgPool2d(3), nn.Flatten(), nn.Linear(256, 10),
    )  # fmt: skip
    optimiser = torch.optim.Adam(model.parameters(), lr=2e-3)
    for _epoch in range(2):
        for images, labels in DataLoader(task.train, batch_size=64, shuffle=True):  # type: ignore[arg-type]
            optimiser.zero_grad()
            F.cross_entropy(model(images), labels).backward()  # type: ignore[no-untyped-call]
            optimiser.step()
    return Task(model.eval(), task.calibration, task.search, task.test, metric="accuracy")


if __name__ == "__main__":
    main()
