"""What repairs leave of members of ResNet-56's front where there are 512 unlabelled images, alone and before training.

    python benchmarks/recovery.py search --trials 60     # the front, once
    python benchmarks/reconstruction.py                  # images that the network was trained on
    python benchmarks/reconstruction.py --held-out       # images that it was not trained on: 512 of the search split

Accuracy is that of the int8 artefact on the 8,000 test images. CPU seconds are of one thread, from the uncompressed
network to the repaired or trained weights, without what is computed once a run.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from cifar10 import SPACE, task, tensors
from compare import latency_ratio
from recovery import SEARCHED, plain_int8
from torch.utils.data import TensorDataset

from parefront.compressors.recovery.recipe import Recipe
from parefront.compressors.recovery.weights import Weights, weights_of
from parefront.compressors.repair.registry import RepairNames
from parefront.compressors.target import Target
from parefront.evaluators.quality.inference import run_outputs
from parefront.evaluators.results.candidate import Candidate
from parefront.evaluators.trial.builder import Builder
from parefront.evaluators.trial.training.trainer import Trainer
from parefront.search.runs.run import Run
from parefront.spaces.policy import Policy
from parefront.spaces.task import Task
from parefront.spaces.tensors.one_thread import one_thread

SHARES = (0.47, 0.35)
STEPS, BATCH, RATE = 80, 64, 0.3
"""Of recovery, as the table of settings for 512 images has them."""
IMAGES = 512


def member(run: Run, share: float) -> Candidate:
    """The slowest member of the front within a share of plain int8's latency."""
    limit = share * latency_ratio(plain_int8(run))
    return max((c for c in run.front if latency_ratio(c) <= limit), key=latency_ratio)


def unlabelled(held_out: bool) -> Task:
    """ResNet-56's task, whose calibration images may be such that the network was not trained on."""
    given = task(56)
    images, labels = tensors(given.search)
    return replace(given, calibration=TensorDataset(images[:IMAGES], labels[:IMAGES])) if held_out else given


@one_thread()
def measure(given: Task, candidate: Candidate, repair: str, steps: int, folder: Path) -> list[tuple[int, float, float]]:
    """Steps of training, accuracy on the test split and CPU seconds: as it is repaired, and trained from there."""
    methods = {name: {**options, "compensate": repair} for name, options in SPACE.items() if name != "quantize"}
    builder = Builder(given, {**methods, "quantize": SPACE["quantize"]}, Target())
    policy, started = candidate.policy, time.process_time()
    weights = weights_of(builder.pipeline.structured(builder.traced.net, policy, builder.context))
    seconds = time.process_time() - started
    found = [(0, accuracy(builder, policy, weights, given.test, folder), seconds)]
    if steps:
        trainer = Trainer(builder, Recipe(batch=BATCH), None)
        started = time.process_time()
        training = trainer.begin(policy, steps, RATE, weights=weights)
        while training.done < steps:
            training.step()
        weights = weights_of(training.finish())
        seconds += time.process_time() - started
        found.append((steps, accuracy(builder, policy, weights, given.test, folder), seconds))
    return found


def accuracy(builder: Builder, policy: Policy, weights: Weights, split: object, folder: Path) -> float:
    """Of the artefact on a split."""
    session = builder.build(policy, folder / f"{policy.digest}.onnx", weights=weights).session
    images, labels = tensors(split)
    outputs = run_outputs(session, images.numpy(), 250)
    assert isinstance(outputs, np.ndarray)
    return float((outputs.argmax(1) == labels.numpy()).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, default=SEARCHED)
    parser.add_argument("--held-out", action="store_true")
    parser.add_argument(
        "--repairs", nargs="+", default=["none", "least_squares", "block_reconstruction"], choices=[*RepairNames()]
    )
    parser.add_argument("--steps", type=int, default=STEPS, help="of training from there; 0 for none")
    parser.add_argument("--shares", type=float, nargs="+", default=SHARES, help="of plain int8's latency")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    run, given = Run.open(arguments.run), unlabelled(arguments.held_out)
    whole = latency_ratio(plain_int8(run))
    print("| of plain int8's time | repair | steps of training | test % | CPU seconds |\n" + "|---" * 5 + "|")
    with TemporaryDirectory() as folder:
        for candidate in (member(run, share) for share in arguments.shares):
            for repair in arguments.repairs:
                for steps, accuracy, seconds in measure(given, candidate, repair, arguments.steps, Path(folder)):
                    share = latency_ratio(candidate) / whole
                    print(f"| {share:.2f}x | `{repair}` | {steps} | {100 * accuracy:.2f} | {seconds:.1f} |", flush=True)


if __name__ == "__main__":
    main()
