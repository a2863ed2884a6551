"""What the suites of runtimes share: quick protocols, a task whose network is always right, damaged files."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import torch
from torch.utils.data import TensorDataset

from parefront.evaluators.device.device import Device
from parefront.evaluators.device.device_options import DeviceOptions
from parefront.evaluators.device.errors import DeviceError
from parefront.evaluators.device.latency import LatencyProtocol
from parefront.testing.networks import residual

QUICK = LatencyProtocol(min_samples=8, min_seconds=0.01, max_seconds=0.03, warmup_seconds=0.005)
PROTOCOL = {
    "min_samples": 8,
    "min_seconds": 0.01,
    "max_seconds": 0.02,
    "half_width": 0.5,
    "seed": 0,
    "warmup_seconds": 0,
}


def split(count: int, seed: int) -> TensorDataset:
    """Images, and what the network itself says of them."""
    images = torch.randn(count, 3, 16, 16, generator=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        return TensorDataset(images, residual()[0](images).argmax(1))


def with_an_operator_that_nobody_knows(net: Path, other: Path) -> Path:
    """``other``, with the convolutions of ``net`` called otherwise."""
    other.write_bytes(net.read_bytes().replace(b"Conv", b"Vonc"))
    return other


def ended_by_damage(runtime: str, net: Path, folder: Path, count: int) -> Iterator[str]:
    """What ends the timing of so many files with eight bytes changed, by its class; none of them ends the device."""
    content, generator = net.read_bytes(), random.Random(0)
    with Device(DeviceOptions(runtime=runtime, deadline_seconds=60)) as device:
        for number in range(count):
            changed = bytearray(content)
            for _ in range(8):
                changed[generator.randrange(len(changed))] = generator.randrange(256)
            other = folder / f"{number}.onnx"
            other.write_bytes(changed)
            try:
                device.time(other, net, PROTOCOL)
            except DeviceError as error:
                yield type(error).__name__
        assert device.time(net, net, PROTOCOL).candidate
