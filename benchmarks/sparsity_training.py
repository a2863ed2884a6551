"""What sparsity training before pruning gains: ResNet-20 on CIFAR-10, half of the channels of every group pruned by l2.

    OMP_NUM_THREADS=1 python benchmarks/sparsity_training.py --steps 100   # goes on where it was stopped
    OMP_NUM_THREADS=1 python benchmarks/sparsity_training.py --table       # what is known so far

The whole network is trained towards itself, with and without penalties, on the same batches; then the same policy is
applied to each, without a repair and with least squares. Accuracies are of 8,000 test images. One seed.
"""

from __future__ import annotations

import argparse
import json
import time
from typing import Any

import torch
from cifar10 import task, tensors
from compare import RUNS
from torch import fx

from parefront.compressors.context import Context
from parefront.compressors.recovery.precision import BFLOAT16
from parefront.compressors.recovery.recipe import Recipe
from parefront.compressors.statistics.calibration import Calibration
from parefront.compressors.target import Target
from parefront.evaluators.results.measurement import proportion
from parefront.evaluators.trial.builder import Builder
from parefront.evaluators.trial.training.trainer import Trainer
from parefront.spaces.network.rebuild import duplicate
from parefront.spaces.policy import Policy

PENALTIES: dict[str, dict[str, float]] = {
    "none": {},
    "growing 1": {"growing": 1.0},
    "slimming 0.1": {"slimming": 0.1},
    "group_lasso 0.003": {"group_lasso": 0.003},
    "growing 0.3": {"growing": 0.3},
    "slimming 0.03": {"slimming": 0.03},
}
REPAIRS = ("none", "least_squares")
FOLDER = RUNS / "sparsity-training"


class Bench:
    """The network, its pruning by either repair, and the images that it is scored on."""

    def __init__(self, ratio: float, rate: float) -> None:
        self.rate = rate
        given = task(20, trains=True)
        self.images, self.labels = tensors(given.test)
        options = {name: {"criterion": "l2", "ratios": [0, ratio], "compensate": name} for name in REPAIRS}
        self.builders = {name: Builder(given, {"prune_channels": options[name]}, Target()) for name in REPAIRS}
        self.builder = self.builders["none"]
        self.policy = self.builder.space.uniform({"prune_channels": ratio})
        self.train_split = given.train

    def row(self, name: str, steps: int) -> dict[str, Any]:
        """Trained for so many steps, 0 for not at all, then pruned."""
        started = time.process_time()
        net = self.trained(PENALTIES[name], steps)
        seconds = time.process_time() - started
        held = {repair: self.score(self.pruned(net, repair)) for repair in REPAIRS}
        return {
            "penalty": name,
            "steps": steps,
            "rate": self.rate,
            "cpu_seconds": round(seconds),
            "trained": self.score(net),
            **held,
        }

    def trained(self, penalties: dict[str, float], steps: int) -> fx.GraphModule:
        if not steps:
            return duplicate(self.builder.traced.net)
        trainer = Trainer(self.builder, Recipe(losses={}, penalties=penalties), self.train_split)
        training = trainer.begin(Policy(), steps, self.rate, BFLOAT16)
        while training.done < steps:
            training.step()
        return training.finish()

    def pruned(self, net: fx.GraphModule, repair: str) -> fx.GraphModule:
        builder = self.builders[repair]
        calibration = Calibration(net, builder.calibration.inputs)
        return builder.pipeline.structured(net, self.policy, Context(builder.traced.graph, calibration))

    def score(self, net: fx.GraphModule) -> list[float]:
        """Accuracy and half of its interval, in per cent."""
        with torch.no_grad():
            given = torch.cat([net(part).argmax(1) for part in torch.split(self.images, 250)])
        found = proportion(int((given == self.labels).sum()), len(self.labels))
        return [100 * found.value, 100 * found.half_width]


def table(rows: list[dict[str, Any]]) -> str:
    """As Markdown."""
    lines = [
        "| penalty | steps | rate | trained, test % | pruned | pruned, least squares | CPU seconds |",
        "|---" * 7 + "|",
    ]
    for row in rows:
        scores = " | ".join(f"{row[key][0]:.2f} ±{row[key][1]:.2f}" for key in ("trained", *REPAIRS))
        lines.append(f"| {row['penalty']} | {row['steps']} | {row['rate']} | {scores} | {row['cpu_seconds']} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--rate", type=float, default=0.3)
    parser.add_argument("--ratio", type=float, default=0.5)
    parser.add_argument("--table", action="store_true", help="of what is known, without training")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    FOLDER.mkdir(parents=True, exist_ok=True)
    if not arguments.table:
        bench = Bench(arguments.ratio, arguments.rate)
        for name, steps in [("none", 0), *((name, arguments.steps) for name in PENALTIES)]:
            file = FOLDER / f"{name.replace(' ', '-')}-{steps}-{arguments.rate}-{arguments.ratio}.json"
            if not file.is_file():
                file.write_text(json.dumps(bench.row(name, steps)))
                print(file.read_text(), flush=True)
    print(table([json.loads(file.read_text()) for file in sorted(FOLDER.glob(f"*-{arguments.ratio}.json"))]))


if __name__ == "__main__":
    main()
