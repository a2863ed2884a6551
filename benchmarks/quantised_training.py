"""What training with the integers of the file gains, by the bits of the weights: ResNet-20 on CIFAR-10.

    python benchmarks/quantised_training.py --bits 4 3 2 1 --steps 200
    python benchmarks/quantised_training.py --depth 56 --bits 2 --steps 200 --rate 0.3

All layers have weights of so many bits, the first and the last too, and activations of 8; the teacher is the float
network. Accuracy is that of the files, on the 8,000 test images. What is done goes to runs/, and is not done again.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from cifar10 import task, tensors
from compare import REPOSITORY
from torch import Tensor

from parefront.compressors.recovery.rate import rate_for
from parefront.compressors.recovery.recipe import Recipe
from parefront.compressors.recovery.steps import held_weights
from parefront.compressors.recovery.weights import read_weights, write_weights
from parefront.compressors.target import Target
from parefront.evaluators.quality.inference import run_outputs
from parefront.evaluators.results.measurement import proportion
from parefront.evaluators.trial.builder import Builder, Built
from parefront.evaluators.trial.training.trainer import Trainer
from parefront.spaces.knob import Choice
from parefront.spaces.policy import Policy

FOLDER = REPOSITORY / "runs" / "quantised-training"
WIDTHS: tuple[Choice, ...] = (8, 4, 3, 2, 1, "w4", "w3", "w2", "w1")


class Bench:
    """One network, its float accuracy, and its files."""

    def __init__(self, depth: int) -> None:
        given = task(depth, trains=True)
        self.depth, (self.images, self.labels) = depth, tensors(given.test)
        self.builder = Builder(given, {"quantize": {"bits": list(WIDTHS)}}, Target())
        self.trainer = Trainer(self.builder, Recipe(losses={}, integers_up_to=8), given.train)
        FOLDER.mkdir(parents=True, exist_ok=True)

    def stem(self, bits: Choice, steps: int, number: int) -> Path:
        """Of the files of a round of training, by its number from 0."""
        return FOLDER / "-".join([f"resnet{self.depth}", str(bits), *[str(steps)] * (number + 1)])

    def row(self, bits: Choice, steps: int, number: int, rate: float | None, precision: str) -> dict[str, Any]:
        """Untrained and trained, and what training took of CPU time, the teacher's passes included.

        Args:
            number: of the round, from 0; the next one goes on from where it ended.
        """
        policy = self.builder.space.uniform({"quantize": bits})
        stem = self.stem(bits, steps, number)
        before = read_weights(self.stem(bits, steps, number - 1).with_suffix(".safetensors")) if number else None
        untrained = self.right(self.builder.build(policy, stem.with_suffix(".untrained.onnx")))
        rate = rate or rate_for(self.trainer.divergence(policy, before), self.trainer.recipe, steps)
        began = time.process_time()
        training = self.trainer.begin(policy, steps, rate, precision, before, first=number * steps)
        losses = [training.step() for _ in range(steps)]
        net = training.finish()
        seconds = time.process_time() - began
        write_weights(stem.with_suffix(".safetensors"), held_weights(net))
        weights = read_weights(stem.with_suffix(".safetensors"))
        built = self.builder.build(policy, stem.with_suffix(".onnx"), weights=weights)
        trained = self.right(built)
        measured = proportion(int(trained.sum()), len(trained))
        return {
            "bits": bits, "steps": steps * (number + 1), "rate": rate, "untrained": float(untrained.float().mean()),
            "trained": measured.value, "half width": measured.half_width, "seconds": seconds,
            "bytes": built.candidate.metrics["size_bytes"].value, "loss": losses[-1],
            "agreement": self.agreement(policy, built, weights),
        }  # fmt: skip

    def right(self, built: Built) -> Tensor:
        """Of which test images the file is right."""
        return self.said(built) == self.labels

    def said(self, built: Built) -> Tensor:
        outputs = run_outputs(built.session, self.images.numpy(), 500)
        assert isinstance(outputs, np.ndarray)
        return torch.from_numpy(outputs).argmax(1)

    def agreement(self, policy: Policy, built: Built, weights: Any) -> float:
        """The share of test images of which torch says what the file does."""
        net = self.builder.network(policy, weights)
        with torch.no_grad():
            torch_says = torch.cat([net(part).argmax(1) for part in torch.split(self.images, 500)])
        return float((torch_says == self.said(built)).float().mean())


def table(rows: list[dict[str, Any]]) -> str:
    """As Markdown."""
    head = "| bits | untrained, test % | trained, test % | steps | rate | CPU seconds | bytes | torch and file agree |"
    lines = [
        f"| {row['bits']} | {100 * row['untrained']:.2f} | {100 * row['trained']:.2f} ±{100 * row['half width']:.2f} "
        f"| {row['steps']} | {row['rate']:.2f} | {row['seconds']:.0f} | {row['bytes']:,.0f} "
        f"| {100 * row['agreement']:.2f} |"
        for row in rows
    ]
    return "\n".join([head, "|---" * 8 + "|", *lines])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--depth", type=int, default=20, choices=[20, 56])
    parser.add_argument("--bits", nargs="+", default=["4", "3", "2", "1"], choices=[str(width) for width in WIDTHS])
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=1, help="of so many steps each, one after the other")
    parser.add_argument("--rate", type=float)
    parser.add_argument("--precision", default="bfloat16", choices=["float32", "bfloat16"])
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    bench, rows = Bench(arguments.depth), []
    for text in arguments.bits:
        bits: Choice = int(text) if text.isdigit() else text
        for number in range(arguments.rounds):
            kept = bench.stem(bits, arguments.steps, number).with_suffix(".json")
            if not kept.is_file():
                row = bench.row(bits, arguments.steps, number, arguments.rate, arguments.precision)
                kept.write_text(json.dumps(row))
            rows.append(json.loads(kept.read_text()))
            print(table(rows), flush=True)


if __name__ == "__main__":
    main()
