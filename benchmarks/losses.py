"""Losses that a student can be trained by, on one pruned ResNet-20, at equal steps and on the same batches.

    OMP_NUM_THREADS=1 python benchmarks/losses.py              # every loss, three seeds; goes on where it was stopped
    OMP_NUM_THREADS=1 python benchmarks/losses.py --share 0/2  # every other run, beside a second process with 1/2
    OMP_NUM_THREADS=1 python benchmarks/losses.py --table      # what is known so far

Half of the channels inside of every block are pruned and repaired by least squares, which leaves half of the MACs. The
learning rate of each loss is the best of three on the search split (2,000 images) with the first seed. Accuracies
are of the test split (8,000). A seed decides on the order of the batches and on their augmentation.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np
import torch
from cifar10 import SPACE, task, tensors
from compare import RUNS
from numpy.typing import NDArray
from torch import fx

from parefront.compressors.recovery.precision import BFLOAT16
from parefront.compressors.recovery.recipe import Recipe
from parefront.compressors.recovery.stream import Stream
from parefront.compressors.recovery.training import Training
from parefront.compressors.target import Target
from parefront.evaluators.trial.builder import Builder
from parefront.evaluators.trial.training.trainer import Trainer

PLAIN = "cross_entropy"
LOSSES: dict[str, dict[str, float]] = {
    PLAIN: {"cross_entropy": 1.0},
    "mse": {"mse": 1.0},
    "kl": {"kl": 1.0},
    "dist": {"dist": 1.0},
    "mse + features": {"mse": 1.0, "features": 1.0},
    "mse + cosine": {"mse": 1.0, "cosine": 1.0},
    "mse + attention": {"mse": 1.0, "attention": 3.0},
    "mse + similarity": {"mse": 1.0, "similarity": 20.0},
}
RATES = (0.1, 0.3)
WIDER = {name: 0.03 if name in ("kl", "dist") else 1.0 for name in reversed(LOSSES)}
"""A third rate, beyond the better one of the two."""
SEEDS = (0, 1, 2)
FOLDER, START = RUNS / "losses", "start.json"


@dataclass
class Bench:
    """The pruned network and its data."""

    steps: int

    def __post_init__(self) -> None:
        self.task = task(20, trains=True)
        self.builder = Builder(self.task, {"prune_channels": SPACE["prune_channels"]}, Target())
        self.policy = self.builder.space.uniform({"prune_channels": 0.5})
        self._streams: dict[tuple[bool, int], Stream] = {}

    @cached_property
    def untrained(self) -> fx.GraphModule:
        return self.builder.pipeline.structured(self.builder.traced.net, self.policy, self.builder.context)

    def train(self, losses: dict[str, float], rate: float, seed: int) -> tuple[fx.GraphModule, float]:
        """The network after so many steps, and the CPU seconds that they took."""
        recipe = Recipe(losses=losses, places="stages")
        stream = self._stream(recipe, seed)
        net = self.builder.pipeline.structured(self.builder.traced.net, self.policy, self.builder.context)
        started = time.process_time()
        training = Training(net, stream, recipe, self.steps, rate, self.builder.calibration.inputs, BFLOAT16)
        while training.done < training.steps:
            training.step()
        return training.finish(), time.process_time() - started

    def correct(self, net: fx.GraphModule, split: str) -> NDArray[np.bool_]:
        """Which images of a split the network is right about."""
        images, labels = tensors(getattr(self.task, split))
        with torch.no_grad():
            given = torch.cat([net(part).argmax(1) for part in torch.split(images, 250)])
        found: NDArray[np.bool_] = (given == labels).numpy()
        return found

    def _stream(self, recipe: Recipe, seed: int) -> Stream:
        """One for all losses that ask the teacher the same, so that it is asked once."""
        key = recipe.compares_features, seed
        if key not in self._streams:
            self._streams[key] = Trainer(self.builder, recipe, self.task.train, seed).stream
        return self._streams[key]


def measure(steps: int, share: int, of: int) -> None:
    """This process's share of the runs: all rates with the first seed, then the best one with the others."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    bench = Bench(steps)
    if share == 0 and not (FOLDER / START).is_file():
        nets = {"untrained": bench.untrained, "uncompressed": bench.builder.traced.net}
        scores = {name: float(bench.correct(net, "test").mean()) for name, net in nets.items()}
        (FOLDER / START).write_text(json.dumps({"steps": steps, "batch": 128, **scores}))
    for name, rate in [*product(LOSSES, RATES), *WIDER.items()][share::of]:
        _run(bench, name, rate, SEEDS[0])
    for seed, name in list(product(SEEDS[1:], LOSSES))[share::of]:
        if {run["rate"] for run in runs_of(name)} >= set(RATES):
            _run(bench, name, best_rate(name), seed)


def _run(bench: Bench, name: str, rate: float, seed: int) -> None:
    row: dict[str, Any] = {"loss": name, "rate": rate, "seed": seed}
    file = FOLDER / f"{name.replace(' + ', '-')}-{rate}-{seed}.json"
    if file.is_file():
        return
    net, seconds = bench.train(LOSSES[name], rate, seed)
    right = bench.correct(net, "test")
    np.save(file.with_suffix(".npy"), right)
    scores = {"search": float(bench.correct(net, "search").mean()), "test": float(right.mean())}
    row |= {**scores, "cpu_seconds": round(seconds, 1)}
    file.write_text(json.dumps(row))
    print(row, flush=True)


def runs_of(name: str) -> list[dict[str, Any]]:
    """All that is known of a loss, by seed."""
    held = [json.loads(file.read_text()) for file in FOLDER.glob(f"{name.replace(' + ', '-')}-*.json")]
    return sorted((run for run in held if run["loss"] == name), key=lambda run: (run["seed"], run["rate"]))


def best_rate(name: str) -> float:
    """By the search split, with the first seed."""
    return float(max((run for run in runs_of(name) if run["seed"] == SEEDS[0]), key=lambda run: run["search"])["rate"])


def table() -> str:
    """As Markdown: means over the seeds; differences are paired by image and seed."""
    start = json.loads((FOLDER / START).read_text())
    lines = [
        f"{start['steps']} steps of {start['batch']}; uncompressed {100 * start['uncompressed']:.2f} %, "
        f"pruned and repaired {100 * start['untrained']:.2f} %",
        "",
        f"| loss | rate | test %, mean | of each seed | more than {PLAIN}, pt | more than mse, pt | CPU seconds |",
        "|---" * 7 + "|",
    ]
    for name in LOSSES:
        right, runs = _right(name), _best(name)
        each = ", ".join(f"{100 * one.mean():.2f}" for one in right)
        seconds = np.mean([run["cpu_seconds"] for run in runs])
        lines.append(
            f"| {name} | {runs[0]['rate']} | {100 * right.mean():.2f} | {each} | {_more(name, PLAIN)} | "
            f"{_more(name, 'mse')} | {seconds:.0f} |"
        )
    return "\n".join(lines)


def _more(name: str, than: str) -> str:
    """The difference of two losses on the same images, averaged over the seeds that both have, with its interval."""
    if name == than:
        return "–"
    one, other = _right(name), _right(than)
    seeds = min(len(one), len(other))
    change = (one[:seeds].astype(float) - other[:seeds]).mean(0)
    half = 1.96 * change.std(ddof=1) / len(change) ** 0.5
    return f"{100 * change.mean():+.2f} ±{100 * half:.2f}"


def _best(name: str) -> list[dict[str, Any]]:
    rate = best_rate(name)
    return [run for run in runs_of(name) if run["rate"] == rate]


def _right(name: str) -> NDArray[np.bool_]:
    """Which test images were right, shape ``(seeds, images)``."""
    files = [f"{name.replace(' + ', '-')}-{run['rate']}-{run['seed']}.npy" for run in _best(name)]
    return np.stack([np.load(FOLDER / file) for file in files])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=80)
    parser.add_argument("--share", default="0/1", help="of the runs, e.g. 0/2")
    parser.add_argument("--table", action="store_true", help="of what is known, without training")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if not arguments.table:
        measure(arguments.steps, *map(int, arguments.share.split("/")))
    print(table())


if __name__ == "__main__":
    main()
