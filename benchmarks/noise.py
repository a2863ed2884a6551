"""A/A: the quickstart's network against itself, ten times, each with sessions of its own.

python benchmarks/noise.py
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import torch
from example import quickstart

from parefront.evaluators import Device, emit, measure
from parefront.spaces import trace


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=10)
    repeats = parser.parse_args().repeats
    example = torch.randn(2, 1, 28, 28)
    with tempfile.TemporaryDirectory() as name:
        path = emit(trace(quickstart().model, example).net, Path(name) / "base.onnx", example).path
        ratios = []
        for _ in range(repeats):
            with Device() as device:
                ratios.append(measure(device, path, path).ratio)
    for ratio in ratios:
        print(f"{ratio.value:.4f} [{ratio.low:.4f}, {ratio.high:.4f}]{' noisy' if ratio.noisy else ''}")
    near = sum(abs(r.value - 1) < 0.02 for r in ratios)
    covered = sum(r.low <= 1 <= r.high for r in ratios)
    print(f"within 2 %: {near} of {repeats}; interval covers 1.0: {covered} of {repeats}")


if __name__ == "__main__":
    main()
