"""Seconds to apply a policy to ResNet-56 (32 px) and ResNet-50 (224 px, random weights), method by method.

    python benchmarks/apply.py [resnet56] [resnet50]

The first policy of a method pays for statistics that are kept for the run; the others are what a candidate takes.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path
from typing import Any

import torch
from cifar10 import task
from zoo import network

from parefront.compressors.context import Context
from parefront.compressors.pipeline import Pipeline
from parefront.compressors.registry import create
from parefront.compressors.statistics.calibration import Calibration
from parefront.evaluators.quality.parity import prove
from parefront.spaces.knob import Choice
from parefront.spaces.network.trace import Traced, trace

RESULTS = Path(__file__).with_name("results") / "apply.json"
REPEATS = 3
Options = dict[str, dict[str, Any]]
HALF: dict[str, Choice] = {"prune_channels": 0.5}
POLICIES: dict[str, tuple[Options, dict[str, Choice]]] = {
    "half of the channels, least squares": ({"prune_channels": {"ratios": [0, 0.5]}}, HALF),
    "half of the channels, covariance": ({"prune_channels": {"ratios": [0, 0.5], "compensate": "covariance"}}, HALF),
    "half of the channels, no repair": ({"prune_channels": {"ratios": [0, 0.5], "compensate": "none"}}, HALF),
    "rank 0.25, SVD, least squares": ({"low_rank": {"ranks": [0.25]}}, {"low_rank": 0.25}),
    "rank 0.25, SVD, no repair": ({"low_rank": {"ranks": [0.25], "compensate": "none"}}, {"low_rank": 0.25}),
    "rank 0.5, Tucker-2, no repair": (
        {"low_rank": {"ranks": [0.5], "schemes": ["tucker2"], "compensate": "none"}}, {"low_rank": 0.5},
    ),
    "depthwise + pointwise, no repair": ({"separable": {"compensate": "none"}}, {"separable": "depthwise"}),
    "70 % of the weights": ({"prune_weights": {}}, {"prune_weights": 0.7}),
    "16 clusters": ({"share_weights": {}}, {"share_weights": 16}),
    "8 bits": ({"quantize": {}}, {"quantize": 8}),
    "half of the channels, covariance, 8 bits": (
        {"prune_channels": {"ratios": [0, 0.5], "compensate": "covariance"}, "quantize": {}}, HALF | {"quantize": 8},
    ),
}  # fmt: skip


def times(traced: Traced, calibration: Calibration, options: Options, choices: dict[str, Choice]) -> dict[str, float]:
    """Seconds of the first policy, and of those after it: in all, and of that in forward passes."""
    compressors = [create(name, of) for name, of in options.items()]
    pipeline, context = Pipeline.of(compressors, traced.graph), Context(traced.graph, calibration)
    policy = pipeline.space.uniform(choices)
    taken, forward = [], []
    for _ in range(REPEATS + 1):
        before, started = calibration.forward_seconds, time.perf_counter()
        pipeline.apply(traced.net, policy, context)
        taken.append(time.perf_counter() - started)
        forward.append(calibration.forward_seconds - before)
    return {
        "first": taken[0],
        "seconds": statistics.median(taken[1:]),
        "forward": statistics.median(forward[1:]),
    }


def build(name: str) -> tuple[Traced, Calibration]:
    if name == "resnet56":
        given = task(56)
        model, images = given.model, torch.stack([given.calibration[index][0] for index in range(512)])
    else:
        model, images = network(name), torch.randn(64, 3, 224, 224)
    traced = trace(model, images[:2], prove)
    return traced, Calibration(traced.net, images)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=["resnet56", "resnet50"])
    results: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}
    for name in parser.parse_args().models:
        traced, calibration = build(name)
        results[name] = {"threads": torch.get_num_threads(), "policies": {}}
        for label, (options, choices) in POLICIES.items():
            found = times(traced, calibration, options, choices)
            results[name]["policies"][label] = found
            print(f"{name}: {label:42} first {found['first']:6.2f} s, then {found['seconds']:6.3f} s"
                  f" ({found['forward']:.3f} s in forward passes)", flush=True)  # fmt: skip
            RESULTS.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
