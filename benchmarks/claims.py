"""What papers claim of whole workflows, tried on the networks that they tried it on.

    python benchmarks/claims.py lenet        # LeNet-5 on MNIST: 1/20 of the file, 8x faster, no less accurate
    python benchmarks/claims.py resnet20     # 90 % smaller and 3x faster within 2 points
    python benchmarks/claims.py resnet56     # 2.1x fewer multiplications, 0.24 points at most

Each is one search with recovery. Printed are the members of the front that come nearest to the claim, measured again on
the device and on the test split, beside the uncompressed network.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from cifar10 import _module, data_folder
from cifar10 import task as cifar10_task
from compare import REPOSITORY, latency_ratio
from torch import Tensor, nn
from torch.utils.data import TensorDataset

import parefront as pf
from parefront.evaluators.results.candidate import Candidate
from parefront.spaces.task import Task

EPOCHS = 8
SEARCHED = 10_000
"""Of MNIST's training images, that are not trained on."""


@dataclass(frozen=True)
class Claim:
    """A claim, and how it is tried.

    Attributes:
        task: makes the task.
        compress: the space.
        objectives: of the search.
        budgets: of the search.
        size: the largest share of the uncompressed file.
        latency: the largest share of its time.
        macs: the largest share of its multiplications.
        loss: the most that the accuracy may fall.
    """

    task: Callable[[], Task]
    compress: Mapping[str, Any]
    objectives: tuple[str, ...]
    budgets: tuple[str, ...] = ()
    size: float = 1.0
    latency: float = 1.0
    macs: float = 1.0
    loss: float = 0.0


def lenet() -> nn.Sequential:
    """LeNet-5 with the widths that compression papers use (431,080 parameters)."""
    return nn.Sequential(
        nn.Conv2d(1, 20, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(20, 50, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(800, 500), nn.ReLU(), nn.Linear(500, 10),
    )  # fmt: skip


def mnist_task() -> Task:
    """LeNet-5, trained once; the search split is a part of the training images that it has not seen."""
    folder = data_folder()
    (images, labels), (test, test_labels), _ = _module(folder / "loaders.py").load_mnist(folder / "mnist.npz")
    x, y = _tensor(images), torch.from_numpy(labels.astype(np.int64))
    train = TensorDataset(x[SEARCHED:], y[SEARCHED:])
    return Task(
        model=_trained(train, REPOSITORY / "runs" / "lenet5.pt"),
        calibration=TensorDataset(x[-512:], y[-512:]),
        search=TensorDataset(x[:SEARCHED], y[:SEARCHED]),
        test=TensorDataset(_tensor(test), torch.from_numpy(test_labels.astype(np.int64))),
        train=train,
    )


def _tensor(images: np.ndarray[Any, Any]) -> Tensor:
    return ((torch.from_numpy(images).float() / 255 - 0.1307) / 0.3081).unsqueeze(1).contiguous()


def _trained(data: TensorDataset, kept: Path) -> nn.Module:
    torch.manual_seed(0)
    net = lenet()
    if kept.is_file():
        net.load_state_dict(torch.load(kept, weights_only=True))
        return net.eval()
    steps = EPOCHS * len(data) // 128
    optimiser = torch.optim.SGD(net.parameters(), 0.05, momentum=0.9, nesterov=True, weight_decay=5e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 0.05, total_steps=steps)
    images, labels = data.tensors
    for step in range(steps):
        rows = torch.randint(len(data), (128,), generator=torch.Generator().manual_seed(step))
        loss = F.cross_entropy(net(images[rows]), labels[rows])
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
    kept.parent.mkdir(exist_ok=True)
    torch.save(net.state_dict(), kept)
    return net.eval()


PRUNING = {"criterion": "l1", "ratios": [0, 0.25, 0.5, 0.625, 0.75, 0.875], "compensate": "least_squares"}
CLAIMS = {
    "lenet": Claim(
        mnist_task,
        {"prune_channels": PRUNING, "quantize": {"bits": [32, 8, 4]}},
        ("accuracy", "latency", "size"),
        size=1 / 20,
        latency=1 / 8,
    ),
    "resnet20": Claim(
        lambda: cifar10_task(20, trains=True),
        {"prune_channels": PRUNING, "drop_blocks": {}, "quantize": {"bits": [32, 8, 4]}},
        ("accuracy", "latency", "size"),
        size=0.1,
        latency=1 / 3,
        loss=0.02,
    ),
    "resnet56": Claim(
        lambda: cifar10_task(56, trains=True),
        {"prune_channels": PRUNING, "drop_blocks": {}},
        ("accuracy", "macs"),
        macs=1 / 2.1,
        loss=0.0024,
    ),
}


def line(name: str, candidate: Candidate, base: Candidate) -> str:
    """A row of the table."""
    accuracy, before = candidate.metrics["test_accuracy"], base.metrics["test_accuracy"]
    change = candidate.metrics.get("test_accuracy_change")
    by = "" if change is None else f" ({100 * change.value:+.2f} ±{100 * change.half_width:.2f} pt)"
    macs, size = (candidate.metrics[key].value / base.metrics[key].value for key in ("macs", "size_bytes"))
    return (
        f"| {name} | {100 * accuracy.value:.2f} of {100 * before.value:.2f}{by} | {size:.4f} (1/{1 / size:.1f}) | "
        f"{latency_ratio(candidate):.3f}x ({1 / latency_ratio(candidate):.1f}x faster) | {macs:.3f} | "
        f"{candidate.recovered.steps if candidate.recovered else 0} |"
    )


def missed_by(claim: Claim, candidate: Candidate, base: Candidate) -> float:
    """How far a member is from the claim on what is not accuracy, as a factor; 1 where it is met."""
    macs, size = (candidate.metrics[key].value / base.metrics[key].value for key in ("macs", "size_bytes"))
    return max(1.0, size / claim.size, latency_ratio(candidate) / claim.latency, macs / claim.macs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("claim", choices=CLAIMS)
    parser.add_argument("--trials", type=int, default=80)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--where", nargs="*", default=[])
    arguments = parser.parse_args()
    claim = CLAIMS[arguments.claim]
    run = pf.compress(
        claim.task(), objectives=list(claim.objectives), trials=arguments.trials, compress=claim.compress,
        run=REPOSITORY / "runs" / f"claim-{arguments.claim}-{arguments.seed}", device={"threads": 1},
        search={"seed": arguments.seed}, recover={"minutes": arguments.minutes, "where": arguments.where},
    )  # fmt: skip
    base = run.baseline
    members = sorted(run.front, key=lambda c: -c.metrics["test_accuracy"].value)
    print("| member | test % | file, of float | latency, of float | MACs, of float | steps |\n" + "|---" * 6 + "|")
    for candidate in members:
        if missed_by(claim, candidate, base) <= 1.25:
            print(line(f"trial {candidate.trial}", candidate, base))
    met = [c for c in members if missed_by(claim, c, base) == 1.0]
    lost = [base.metrics["test_accuracy"].value - c.metrics["test_accuracy"].value for c in met]
    print(f"\n{sum(loss <= claim.loss for loss in lost)} of {len(met)} members within its costs keep the accuracy")
    if not met:
        sys.exit("no member is within the claim's costs")


if __name__ == "__main__":
    main()
