"""A/A: the quickstart's network against itself, ten times, each with sessions of its own.

python benchmarks/noise.py [--final]

With ``--final`` as a search's final step measures: twice as long, and again where it is noisy.
"""

from __future__ import annotations

import argparse
import tempfile
from functools import partial
from pathlib import Path

import torch
from example import quickstart

from parefront.evaluators import Device, LatencyProtocol, emit, measure
from parefront.search.timer import longer, readings
from parefront.spaces import trace


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--final", action="store_true")
    arguments = parser.parse_args()
    protocol = longer(LatencyProtocol()) if arguments.final else LatencyProtocol()
    example = torch.randn(2, 1, 28, 28)
    with tempfile.TemporaryDirectory() as name:
        path = emit(trace(quickstart().model, example).net, Path(name) / "base.onnx", example).path
        ratios = []
        for _ in range(arguments.repeats):
            with Device() as device:
                taken = readings(partial(measure, device, path, path), protocol)
                ratios.append((list(taken)[-1] if arguments.final else next(taken)).ratio)
    for ratio in ratios:
        print(f"{ratio.value:.4f} [{ratio.low:.4f}, {ratio.high:.4f}]{' noisy' if ratio.noisy else ''}")
    nearer, near = (sum(abs(r.value - 1) < bound for r in ratios) for bound in (0.01, 0.02))
    covered = sum(r.low <= 1 <= r.high for r in ratios)
    print(f"of {len(ratios)} within 1 %: {nearer}, within 2 %: {near}; the interval covers 1.0 in {covered}")


if __name__ == "__main__":
    main()
