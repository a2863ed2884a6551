"""What a user would take instead of a recovered front: smaller networks in int8, and small ones trained from scratch.

    python benchmarks/instead.py --run runs/recovery-resnet56-30m-train
    python benchmarks/instead.py --run runs/recovery-resnet56-30m-train --scratch 600

ResNet-44, -32 and -20 are public checkpoints, trained for 200 epochs; with ``--scratch`` residual networks of 8 and 14
layers are trained here for so many seconds of CPU (SGD, one cycle, crops and flips). All are quantised by the pipeline
that made the front, and timed in turns with ResNet-56's uncompressed file, as the front was. Each is compared with the
front's most accurate member, by its search split, of at most its latency: paired, on the 8,000 test images.
"""

from __future__ import annotations

import argparse
import copy
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from cifar10 import SPACE, _module, data_folder, task
from compare import latency_ratio
from torch import nn
from torch.utils.data import TensorDataset

from parefront.compressors.recovery.batches.augment import Augmentation
from parefront.evaluators.device.device import Device
from parefront.evaluators.device.device_options import DeviceOptions
from parefront.evaluators.device.latency import LatencyProtocol, measure
from parefront.evaluators.quality.accuracy import open_session
from parefront.evaluators.results.candidate import Candidate
from parefront.evaluators.results.measurement import Measurement
from parefront.evaluators.trial.builder import Builder, target_of
from parefront.evaluators.trial.scores.split import Split
from parefront.search.runs.run import Run
from parefront.spaces.task import Task

DEPTHS = (44, 32, 20)
SMALL = (14, 8)
READING = LatencyProtocol(min_seconds=2.0, max_seconds=6.0)
BATCH, RATE = 128, 0.2


@dataclass(frozen=True)
class Rival:
    """A network that is no member of the front.

    Attributes:
        name: of the table's row.
        file: in int8.
    """

    name: str
    file: Path


def in_int8(given: Task, device: Device, path: Path) -> Path:
    """A task's whole network in int8, as the front's plain int8 is."""
    builder = Builder(given, {"quantize": SPACE["quantize"]}, target_of(device.profile))
    builder.build(builder.space.uniform({"quantize": 8}), path)
    return path


def from_scratch(depth: int, data: TensorDataset, seconds: float) -> nn.Module:
    """A residual network, trained with labels for so many seconds of CPU time, steps taken as a trial has told."""
    net = _module(data_folder() / "models.py").CifarResNet(depth)
    trial = _train(copy.deepcopy(net), data, 20)
    _train(net, data, int(20 * seconds / trial))
    model: nn.Module = net.eval()
    return model


def _train(net: nn.Module, data: TensorDataset, steps: int) -> float:
    """One cycle; returns the seconds of CPU time it took."""
    optimiser = torch.optim.SGD(net.parameters(), RATE, momentum=0.9, nesterov=True, weight_decay=5e-4)
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=max(2, steps), pct_start=0.2)
    images, labels = data.tensors
    change, draw = Augmentation(("crop", "flip")), np.random.default_rng(0)
    started = time.process_time()
    net.train()
    for _ in range(steps):
        rows = torch.from_numpy(draw.integers(0, len(data), BATCH))
        changed = change(images[rows], draw)
        assert isinstance(changed, torch.Tensor)
        loss = F.cross_entropy(net(changed), labels[rows], label_smoothing=0.1)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        cycle.step()
    return time.process_time() - started


def rivals(device: Device, folder: Path, seconds: float) -> Iterator[Rival]:
    """All of them, the largest first."""
    for depth in DEPTHS:
        yield Rival(f"ResNet-{depth}, int8", in_int8(task(depth), device, folder / f"{depth}.onnx"))
    if seconds:
        given = task(56, trains=True)
        assert isinstance(given.train, TensorDataset)
        for depth in SMALL:
            net = from_scratch(depth, given.train, seconds)
            path = in_int8(replace(given, model=net), device, folder / f"{depth}.onnx")
            yield Rival(f"ResNet-{depth} trained for {seconds:.0f} s of CPU, int8", path)


def beaten(front: list[Candidate], latency: float) -> Candidate:
    """The most accurate member on the search split that takes no more time."""
    return max((c for c in front if latency_ratio(c) <= latency), key=lambda candidate: candidate.accuracy)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, required=True, help="of benchmarks/recovery.py")
    parser.add_argument("--scratch", type=float, default=0.0, help="seconds of CPU time for each small network")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    run = Run.open(arguments.run)
    whole = run.baseline.artifact
    assert whole is not None
    test = Split.of("test_", task(56).test)
    print(
        "| instead | latency, of float | test % | member | its latency | its test % | better by |\n" + "|---" * 7 + "|"
    )
    with tempfile.TemporaryDirectory() as folder, Device(DeviceOptions(threads=1)) as device:
        for rival in rivals(device, Path(folder), arguments.scratch):
            latency = measure(device, rival.file, whole, READING).ratio
            member = beaten(list(run.front), latency.value)
            assert member.artifact is not None
            theirs, ours = (test.whole(open_session(file)).scores for file in (rival.file, member.artifact))
            metric = test.quality.metric
            better: Measurement = ours.change(theirs, metric)
            print(
                f"| {rival.name} | {latency.value:.3f}x ±{latency.half_width:.3f} | "
                f"{100 * theirs.measurement(metric).value:.2f} | trial {member.trial} | {latency_ratio(member):.3f}x | "
                f"{100 * ours.measurement(metric).value:.2f} | {100 * better.value:+.2f} "
                f"({100 * better.low:+.2f} to {100 * better.high:+.2f}) pt |",
                flush=True,
            )


if __name__ == "__main__":
    main()
