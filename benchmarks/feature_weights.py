"""What comparing the inside of ResNet-56's members with the uncompressed network's gains, at equal steps.

    python benchmarks/recovery.py search --trials 60     # the front, once
    python benchmarks/feature_weights.py --share 0.22 --weights 0 1 3 10
    python benchmarks/feature_weights.py --share 0.22 --weights 1 --places stages

One thread, bfloat16, one cycle from the repaired weights. Accuracy is that of the int8 artefact on the 2,000 search
images and on the 8,000 test images.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from cifar10 import SPACE, task
from compare import latency_ratio
from reconstruction import accuracy, member
from recovery import SEARCHED, plain_int8

from parefront.compressors.recovery.precision import BFLOAT16
from parefront.compressors.recovery.rate import rate_for
from parefront.compressors.recovery.recipe import Recipe
from parefront.compressors.recovery.weights import Weights, weights_of
from parefront.compressors.target import Target
from parefront.evaluators.trial.builder import Builder
from parefront.evaluators.trial.training.trainer import Trainer
from parefront.search.runs.run import Run
from parefront.spaces.policy import Policy
from parefront.spaces.task import Task


def train(builder: Builder, given: Task, policy: Policy, recipe: Recipe, steps: int) -> tuple[Weights, float, float]:
    """The trained weights, the greatest learning rate and CPU seconds, the teacher's passes included."""
    trainer = Trainer(builder, recipe, given.train)
    rate = rate_for(trainer.divergence(policy), recipe, steps)
    training, started = trainer.begin(policy, steps, rate, BFLOAT16), time.process_time()
    while training.done < steps:
        training.step()
    return weights_of(training.finish()), rate, time.process_time() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, default=SEARCHED)
    parser.add_argument("--share", type=float, default=0.22, help="of plain int8's latency")
    parser.add_argument("--weights", type=float, nargs="+", default=[0, 1, 3, 10], help="of features beside mse")
    parser.add_argument("--places", choices=["last", "stages"], default="last")
    parser.add_argument("--steps", type=int, default=120)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    run, given = Run.open(arguments.run), task(56, trains=True)
    builder, candidate = Builder(given, SPACE, Target()), member(run, arguments.share)
    share = latency_ratio(candidate) / latency_ratio(plain_int8(run))
    print(
        "| of plain int8's time | weight | places | steps | rate | search % | test % | CPU seconds |\n"
        + "|---" * 8
        + "|"
    )
    with TemporaryDirectory() as folder:
        for weight in arguments.weights:
            losses = {"mse": 1.0, **({"features": weight} if weight else {})}
            recipe = Recipe(losses=losses, places=arguments.places)
            weights, rate, seconds = train(builder, given, candidate.policy, recipe, arguments.steps)
            search, test = (
                100 * accuracy(builder, candidate.policy, weights, split, Path(folder))
                for split in (given.search, given.test)
            )
            print(
                f"| {share:.2f}x | {weight:g} | {arguments.places} | {arguments.steps} | {rate:.2f} | {search:.2f} "
                f"| {test:.2f} | {seconds:.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
