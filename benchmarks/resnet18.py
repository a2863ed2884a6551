"""ResNet-18 at 224 px, random weights: latency of int8 alone, and of int8 with a quarter and half the channels gone.

python benchmarks/resnet18.py
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import torch
from zoo import network

from parefront.compressors.context import Context
from parefront.compressors.pipeline import Pipeline
from parefront.compressors.registry import create
from parefront.compressors.statistics.calibration import Calibration
from parefront.evaluators.device.device import Device
from parefront.evaluators.device.latency import LatencyProtocol, measure
from parefront.spaces.network.emit import emit
from parefront.spaces.network.trace import trace


def main() -> None:
    model, images = network("resnet18"), torch.randn(16, 3, 224, 224)
    traced = trace(model, images[:2])
    compressors = [create("prune_channels", {"ratios": [0, 0.25, 0.5]}), create("quantize")]
    pipeline = Pipeline.of(compressors, traced.graph)
    context = Context(traced.graph, Calibration(traced.net, images))
    protocol = LatencyProtocol(min_seconds=2, max_seconds=6)
    with tempfile.TemporaryDirectory() as name, Device() as device:
        folder = Path(name)
        base = emit(traced.net, folder / "base.onnx", images).path
        for ratio in (0.0, 0.25, 0.5):
            policy = pipeline.space.uniform({"prune_channels": ratio, "quantize": 8})
            net = pipeline.apply(traced.net, policy, context)
            found = measure(device, emit(net, folder / f"{ratio}.onnx", images).path, base, protocol).ratio
            print(f"int8, {ratio:.0%} of the channels removed: {found.value:.3f}x [{found.low:.3f}, {found.high:.3f}]")


if __name__ == "__main__":
    main()
