"""Lottery tickets: iterative magnitude pruning with rewinding, and its control, on LeNet-300-100 and MNIST.

    OMP_NUM_THREADS=1 python benchmarks/lottery_ticket.py --rounds 12 --steps 1000 --seeds 0 1 2

Frankle, Carbin 2019, "The Lottery Ticket Hypothesis", section 2: train, set the smallest 20 % of the weights that are
left in each layer to zero (10 % in the last one), give the others the values that they began with, and train again.
The control has the same zeros, and values drawn anew. ``--rewind 100`` gives the weights back the values of that step
instead (Frankle et al. 2020, "Linear Mode Connectivity and the Lottery Ticket Hypothesis", section 4). Deviation: 1,000
steps by default where the paper has 50,000; Adam at 0.0012 and batches of 60 are as there. Accuracies are of 10,000
test images after the last step; what is done goes to runs/, and is not done again.
"""

from __future__ import annotations

import argparse
import json
import math
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from cifar10 import _module, data_folder
from compare import RUNS
from torch import Tensor

from parefront.compressors.weights.prune_weights import prune

WIDTHS = (784, 300, 100, 10)
PRUNED, PRUNED_LAST = 0.2, 0.1
RATE, BATCH = 1.2e-3, 60
FOLDER = RUNS / "lottery-ticket"

Weights = list[Tensor]
"""Of each layer the weight, then the bias."""


@dataclass(frozen=True)
class Digits:
    """MNIST: images ``(n, 784)`` between 0 and 1, and class indices ``(n,)``."""

    images: Tensor
    labels: Tensor
    test_images: Tensor
    test_labels: Tensor

    @classmethod
    def read(cls) -> Digits:
        folder = data_folder()
        (images, labels), (tests, test_labels), _ = _module(folder / "loaders.py").load_mnist(folder / "mnist.npz")
        flat = [torch.from_numpy(given.reshape(-1, 784).astype("float32") / 255) for given in (images, tests)]
        return cls(flat[0], torch.from_numpy(labels).long(), flat[1], torch.from_numpy(test_labels).long())


def drawn(generator: torch.Generator) -> Weights:
    """Glorot's normal initialisation, as in the paper; biases are zero."""
    weights = []
    for before, after in pairwise(WIDTHS):
        weights.append(torch.randn(after, before, generator=generator) * math.sqrt(2 / (before + after)))
        weights.append(torch.zeros(after))
    return weights


def outputs(weights: Weights, images: Tensor) -> Tensor:
    for index in range(0, len(weights) - 2, 2):
        images = F.linear(images, weights[index], weights[index + 1]).relu()
    return F.linear(images, weights[-2], weights[-1])


def train(begin: Weights, masks: Weights, digits: Digits, steps: int, seed: int, keep: int) -> tuple[Weights, Weights]:
    """The weights after all steps, and those after ``keep`` of them; what a mask has no place for stays zero."""
    order = torch.Generator().manual_seed(seed)
    weights = [(tensor * mask).requires_grad_() for tensor, mask in zip(begin, masks, strict=True)]
    kept, optimiser = [tensor.detach().clone() for tensor in weights], torch.optim.Adam(weights, lr=RATE, fused=True)
    for step in range(steps):
        if step == keep:
            kept = [tensor.detach().clone() for tensor in weights]
        rows = torch.randint(len(digits.images), (BATCH,), generator=order)
        loss = F.cross_entropy(outputs(weights, digits.images[rows]), digits.labels[rows])
        gradients = torch.autograd.grad(loss, weights)
        for tensor, gradient, mask in zip(weights, gradients, masks, strict=True):
            tensor.grad = gradient * mask  # Adam leaves alone what never had a gradient
        optimiser.step()
    return [tensor.detach() for tensor in weights], kept


def accuracy(weights: Weights, digits: Digits) -> float:
    return 100 * float((outputs(weights, digits.test_images).argmax(1) == digits.test_labels).float().mean())


def pruned(weights: Weights, masks: Weights) -> Weights:
    """The masks of the next round: of the weights that are left in each layer, the smallest go."""
    found = list(masks)
    for index in range(0, len(weights), 2):
        left = float(masks[index].mean())
        goes = left * (PRUNED_LAST if index == len(weights) - 2 else PRUNED)
        magnitudes = weights[index].abs().clamp_min(1e-12) * masks[index]
        found[index] = (prune(magnitudes, 1 - left + goes) != 0).float()
    return found


def tickets(digits: Digits, rounds: int, steps: int, rewind: int, seed: int) -> list[dict[str, float]]:
    """By round, from the whole network on: the share of weights left, and the accuracy of ticket and control."""
    generator = torch.Generator().manual_seed(seed)
    begin = drawn(generator)
    masks, rows = [torch.ones_like(tensor) for tensor in begin], []
    start = begin
    for number in range(rounds + 1):
        # the whole network gives the weights of the step to rewind to; tickets go on from there
        first = number == 0
        trained, kept = train(start, masks, digits, steps if first else steps - rewind, 1000 * seed + number, rewind)
        start = kept if first and rewind else start
        control, _ = train(drawn(generator), masks, digits, steps, 1000 * seed + number, 0)
        held = [mask for mask in masks if mask.dim() == 2]
        left = sum(float(mask.sum()) for mask in held) / sum(mask.numel() for mask in held)
        rows.append({"left": left, "ticket": accuracy(trained, digits), "control": accuracy(control, digits)})
        masks = pruned(trained, masks)
    return rows


def table(runs: list[list[dict[str, float]]]) -> str:
    """As Markdown: means over the seeds, and the least and the greatest of them."""
    lines = ["| weights left | ticket, test % | drawn anew, test % | difference, pt |", "|---" * 4 + "|"]
    for rows in zip(*runs, strict=True):
        ticket, control = (np.array([row[name] for row in rows]) for name in ("ticket", "control"))
        each = " | ".join(f"{v.mean():.2f} ({v.min():.2f} to {v.max():.2f})" for v in (ticket, control))
        lines.append(f"| {100 * rows[0]['left']:.1f} % | {each} | {(ticket - control).mean():+.2f} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--rewind", type=int, default=0, help="the step whose weights tickets begin with")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    FOLDER.mkdir(parents=True, exist_ok=True)
    digits, files = Digits.read(), list[Path]()
    for seed in arguments.seeds:
        file = FOLDER / f"{arguments.rounds}-{arguments.steps}-{arguments.rewind}-{seed}.json"
        files.append(file)
        if not file.is_file():
            rows = tickets(digits, arguments.rounds, arguments.steps, arguments.rewind, seed)
            file.write_text(json.dumps(rows))
            print(table([rows]), flush=True)
    print(table([json.loads(file.read_text()) for file in files]))


if __name__ == "__main__":
    main()
