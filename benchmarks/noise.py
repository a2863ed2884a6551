"""A/A: the quickstart's network against itself, ten times, each with sessions of its own.

python benchmarks/noise.py [--final]

With ``--final`` as a search's final step measures: all ten, then all ten once more, and the means of the two.
"""

from __future__ import annotations

import argparse
import tempfile
from functools import partial
from pathlib import Path

import torch
from example import quickstart

from parefront.evaluators.device.device import Device
from parefront.evaluators.device.latency import LatencyProtocol, measure
from parefront.evaluators.results.measurement import Measurement
from parefront.evaluators.trial.timing.timer import one_of_two, readings
from parefront.search.runs.stores.final_readings import error_of_means, mean_of
from parefront.spaces.network.emit import emit
from parefront.spaces.network.trace import trace


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--final", action="store_true")
    arguments = parser.parse_args()
    example = torch.randn(2, 1, 28, 28)
    with tempfile.TemporaryDirectory() as name:
        path = emit(trace(quickstart().model, example).net, Path(name) / "base.onnx", example).path
        if arguments.final:
            first, second = ([read(path, final=True) for _ in range(arguments.repeats)] for _ in range(2))
            pairs = list(zip(first, second, strict=True))
            error = error_of_means(pairs)
            ratios = [mean_of(pair, error) for pair in pairs]
        else:
            ratios = [read(path) for _ in range(arguments.repeats)]
    for ratio in ratios:
        print(f"{ratio.value:.4f} [{ratio.low:.4f}, {ratio.high:.4f}]{' noisy' if ratio.noisy else ''}")
    nearer, near = (sum(abs(r.value - 1) < bound for r in ratios) for bound in (0.01, 0.02))
    covered = sum(r.low <= 1 <= r.high for r in ratios)
    print(f"of {len(ratios)} within 1 %: {nearer}, within 2 %: {near}; the interval covers 1.0 in {covered}")


def read(path: Path, final: bool = False) -> Measurement:
    """The ratio of a network to itself, in sessions of its own."""
    protocol = LatencyProtocol()
    with Device() as device:
        if not final:
            return measure(device, path, path, protocol).ratio
        *_, steadiest = readings(partial(measure, device, path, path), one_of_two(protocol))
        return steadiest.ratio


if __name__ == "__main__":
    main()
