"""Zeros that grow in the course of training against zeros all at once, at equal steps: ResNet-20 on CIFAR-10.

    OMP_NUM_THREADS=1 python benchmarks/progressive_pruning.py --steps 120 --sparsities 0.9 0.95

Every layer that ``prune_weights`` offers has the same share of zeros. Training is towards the uncompressed network, at
the same rate and on the same batches in all ways. Accuracies are of 8,000 test images; what is done goes to runs/, and
is not done again.
"""

from __future__ import annotations

import argparse
import json
import time
from functools import cached_property
from typing import Any

import torch
from cifar10 import task, tensors
from compare import RUNS
from torch import fx

from parefront.compressors.recovery.precision import BFLOAT16
from parefront.compressors.recovery.recipe import SPARSITIES, Recipe
from parefront.compressors.recovery.stream import Stream
from parefront.compressors.target import Target
from parefront.evaluators.results.measurement import proportion
from parefront.evaluators.trial.builder import Builder
from parefront.evaluators.trial.training.trainer import Trainer

RATE = 0.3
FOLDER = RUNS / "progressive-pruning"


class Bench:
    """The network, and one stream of batches for all ways."""

    def __init__(self, sparsities: list[float], seed: int) -> None:
        self.task, self.seed = task(20, trains=True), seed
        self.images, self.labels = tensors(self.task.test)
        self.builder = Builder(self.task, {"prune_weights": {"sparsities": sparsities}}, Target())

    def row(self, when: str, sparsity: float, steps: int) -> dict[str, Any]:
        """With no steps it is pruned and nothing else."""
        policy, started = self.builder.space.uniform({"prune_weights": sparsity}), time.process_time()
        trainer = self._trainer(when)
        training = trainer.begin(policy, steps, RATE, BFLOAT16)
        while training.done < steps:
            training.step()
        seconds = time.process_time() - started
        net = self.builder.pipeline.finished(training.finish(), policy, self.builder.context)
        row = {"when": when if steps else "untrained", "sparsity": sparsity, "steps": steps, "seed": self.seed}
        return row | {"cpu_seconds": round(seconds), "zeros": zeros_of(net), "test": self.score(net)}

    def score(self, net: fx.GraphModule) -> list[float]:
        """Accuracy and half of its interval, in per cent."""
        with torch.no_grad():
            given = torch.cat([net(part).argmax(1) for part in torch.split(self.images, 250)])
        found = proportion(int((given == self.labels).sum()), len(self.labels))
        return [100 * found.value, 100 * found.half_width]

    def _trainer(self, when: str) -> Trainer:
        trainer = Trainer(self.builder, Recipe(losses={}, sparsity=when), self.task.train, self.seed)  # type: ignore[arg-type]
        trainer.stream = self._stream
        return trainer

    @cached_property
    def _stream(self) -> Stream:
        """The teacher is asked once for all ways."""
        return Trainer(self.builder, Recipe(losses={}), self.task.train, self.seed).stream


def zeros_of(net: fx.GraphModule) -> float:
    """The share of the weights of all layers that are zero, biases left out."""
    weights = [parameter for parameter in net.parameters() if parameter.dim() > 1]
    return sum(int((weight == 0).sum()) for weight in weights) / sum(weight.numel() for weight in weights)


def table(rows: list[dict[str, Any]]) -> str:
    """As Markdown."""
    lines = ["| sparsity of each layer | zeros | steps | zeros come | seed | test % | CPU seconds |", "|---" * 7 + "|"]
    for row in sorted(rows, key=lambda row: (row["sparsity"], row["steps"], row["seed"], row["test"])):
        lines.append(
            f"| {row['sparsity']} | {row['zeros']:.3f} | {row['steps']} | {row['when']} | {row['seed']} | "
            f"{row['test'][0]:.2f} ±{row['test'][1]:.2f} | {row['cpu_seconds']} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=120)
    parser.add_argument("--sparsities", type=float, nargs="+", default=[0.9, 0.95])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    FOLDER.mkdir(parents=True, exist_ok=True)
    for seed in arguments.seeds:
        bench = Bench(arguments.sparsities, seed)
        for sparsity in arguments.sparsities:
            for when, steps in [("after", 0), *((when, arguments.steps) for when in SPARSITIES)]:
                file = FOLDER / f"{when}-{sparsity}-{steps}-{seed}.json"
                if not file.is_file():
                    file.write_text(json.dumps(bench.row(when, sparsity, steps)))
                    print(file.read_text(), flush=True)
    print(table([json.loads(file.read_text()) for file in FOLDER.glob("*.json")]))


if __name__ == "__main__":
    main()
