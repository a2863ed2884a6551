"""Every method on ResNet-20 (CIFAR-10), many on top of int8 too: test accuracy against bytes and latency, no training.

    python benchmarks/methods.py [--only low_rank quantize …]

Choices are made uniformly over the network; blocks, merges and pools are taken one after the other, the least harmful
first. Results go to ``results/methods.json``, pictures to ``pictures/``.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from cifar10 import task
from compare import RESULTS, save
from machine import describe
from methods_pictures import draw

from parefront.compressors.base import Compressor
from parefront.compressors.context import Context
from parefront.compressors.pipeline import Pipeline
from parefront.compressors.registry import create
from parefront.compressors.statistics.calibration import Calibration
from parefront.evaluators.device.device import Device
from parefront.evaluators.device.latency import LatencyProtocol, measure
from parefront.evaluators.quality.accuracy import open_session, split_inputs
from parefront.evaluators.quality.parity import prove
from parefront.evaluators.quality.scoring.registry import quality_of
from parefront.evaluators.trial.scores.split import Split
from parefront.spaces.errors import Infeasible
from parefront.spaces.network.emit import emit
from parefront.spaces.network.trace import trace
from parefront.spaces.policy import Policy
from parefront.spaces.space import SearchSpace

NAME = "methods"
PROTOCOL = LatencyProtocol(min_seconds=1.0, max_seconds=3.0)
TOGETHER = (1, 2, 3, 4, 6, 8)
CRITERIA = (
    "l1", "l2", "bn_scale", "taylor", "activation", "fpgm", "apoz", "hessian", "group_l2", "lasso", "random",
)  # fmt: skip


@dataclass(frozen=True)
class Variant:
    """A method with options, and whether it is tried on top of int8 too."""

    method: str
    label: str
    options: Mapping[str, Any] = field(default_factory=dict)
    with_int8: bool = False


VARIANTS = (
    *(
        Variant("prune_channels", name, {"criterion": name, "ratios": [0.25, 0.5, 0.75], "round_to": 4}, name == "l1")
        for name in CRITERIA
    ),
    Variant("prune_channels", "l1, not repaired", {"ratios": [0.25, 0.5], "round_to": 4, "compensate": "none"}),
    Variant("drop_blocks", "blocks", with_int8=True),
    Variant("merge", "merge", with_int8=True),
    *(
        Variant("low_rank", scheme, {"schemes": [scheme], "ranks": [0.75, 0.5, 0.375, 0.25], "round_to": 4}, True)
        for scheme in ("svd", "spatial", "tucker2", "cp")
    ),
    Variant("low_rank", "svd, weights alone", {"data_aware": False, "ranks": [0.5, 0.25], "round_to": 4}),
    Variant("separable", "separable", with_int8=True),
    Variant("prune_weights", "unstructured", {"sparsities": [0.3, 0.5, 0.7, 0.8, 0.9]}, True),
    Variant("prune_weights", "one threshold for all", {"sparsities": [0.5, 0.7, 0.8, 0.9], "scope": "global"}),
    Variant("prune_weights", "2:4", {"pattern": "2:4"}),
    Variant("share_weights", "k-means", {"clusters": [256, 64, 16, 8, 4]}, True),
    Variant("quantize", "nearest", {"bits": [32, 8, 4, 2, 1]}),
    Variant("quantize", "reconstruct", {"bits": [32, 8, 4, 2], "rounding": "reconstruct"}),
    Variant("quantize", "equalize", {"bits": [32, 8, 4], "equalize": True}),
    Variant("quantize", "weights alone", {"bits": [32, "w8", "w4", "w2", "w1"]}),
)


class Bench:
    """The network, its data and the device."""

    def __init__(self, folder: Path, device: Device) -> None:
        given = task(20)
        inputs, labels = split_inputs(given.calibration, 512)  # type: ignore[arg-type]
        images = torch.from_numpy(inputs).float()
        self.traced = trace(given.model, images[:2], prove)
        self.calibration = Calibration(self.traced.net, images, torch.from_numpy(labels).long())
        self.folder, self.device = folder, device
        self.base = emit(self.traced.net, folder / "base.onnx", images[:4])
        self.test = Split.of("test_", given.test, quality_of(given))
        session = open_session(self.base.path)
        self.whole = {name: m.to_json() for name, m in self.test.score_reference(session).items()}

    def compressed(self, policy: Policy, compressors: list[Compressor]) -> torch.fx.GraphModule:
        context = Context(self.traced.graph, self.calibration)
        return Pipeline.of(compressors, self.traced.graph).apply(self.traced.net, policy, context)

    def point(self, policy: Policy, compressors: list[Compressor]) -> dict[str, Any]:
        net = self.compressed(policy, compressors)
        artifact = emit(net, self.folder / "candidate.onnx", self.calibration.example)
        scores = self.test.score(open_session(artifact.path))
        ratio = measure(self.device, artifact.path, self.base.path, PROTOCOL).ratio
        found = {name: m.to_json() for name, m in scores.items()}
        return {**found, "latency_ratio": ratio.to_json(), "size_bytes": artifact.size_bytes}

    def harm(self, policy: Policy, compressors: list[Compressor]) -> float:
        """Squared change of the outputs on calibration images."""
        net = self.compressed(policy, compressors)
        images = self.calibration.inputs[:128]
        with torch.no_grad():
            return float((net(images) - self.traced.net(images)).square().mean())


def ladder(bench: Bench, space: SearchSpace, compressors: list[Compressor]) -> Iterator[tuple[str, Policy]]:
    """The policies of a curve, mildest first, and what to call them."""
    if all(isinstance(knob.neutral, bool) for knob in space):
        alone = [space.decode({knob.name: not knob.neutral}) for knob in space]
        ranked = sorted(alone, key=lambda policy: bench.harm(policy, compressors))
        for count in [n for n in TOGETHER if n <= len(ranked)]:
            yield str(count), space.decode({name: c for policy in ranked[:count] for name, c in policy.items()})
        return
    seen: dict[Policy, str] = {}
    for knob in sorted(space, key=lambda knob: -len(knob.choices)):
        for choice in knob.choices:
            policy = space.uniform({knob.compressor: choice})
            if policy and policy not in seen:
                seen[policy] = str(choice)
    yield from ((label, policy) for policy, label in seen.items())


def curve(bench: Bench, variant: Variant, int8: bool) -> list[dict[str, Any]]:
    method = create(variant.method, variant.options)
    alone = Pipeline.of([method], bench.traced.graph).space
    points = []
    for label, policy in ladder(bench, alone, [method]):
        compressors = [method, create("quantize")] if int8 else [method]
        whole = Pipeline.of(compressors, bench.traced.graph).space
        if int8:
            policy = whole.canonical(Policy({**whole.uniform({"quantize": 8}), **policy}))
        try:
            points.append({"choice": label, **bench.point(policy, compressors)})
        except Infeasible as refusal:
            print(f"  {label}: {refusal}")
    return points


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", help="methods to run again; else what is missing is run")
    arguments = parser.parse_args()
    file = RESULTS / f"{NAME}.json"
    results: dict[str, Any] = json.loads(file.read_text()) if file.is_file() else {"curves": []}
    results["curves"] = [c for c in results["curves"] if c["method"] not in (arguments.only or ())]
    known = {(c["method"], c["label"], c["int8"]) for c in results["curves"]}
    with tempfile.TemporaryDirectory() as name, Device() as device:
        bench = Bench(Path(name), device)
        results |= {"machine": describe(device.profile), "whole": bench.whole, "bytes": bench.base.size_bytes}
        results["int8"] = bench.point(
            Pipeline.of([create("quantize")], bench.traced.graph).space.uniform({"quantize": 8}), [create("quantize")]
        )
        for variant in VARIANTS:
            for int8 in (False, True) if variant.with_int8 else (False,):
                if (variant.method, variant.label, int8) in known:
                    continue
                points = curve(bench, variant, int8)
                entry = {"method": variant.method, "label": variant.label, "int8": int8, "points": points}
                results["curves"].append(entry)
                save(NAME, results)
                print(row(entry), flush=True)
    draw(results)


def row(entry: Mapping[str, Any]) -> str:
    """A line of the table in Markdown: accuracy, bytes and latency of each choice."""
    cells = [
        f"{p['choice']}: {p['test_accuracy']['value']:.1%}, {p['size_bytes'] / 1000:.0f} KB, "
        f"{p['latency_ratio']['value']:.2f}x"
        for p in entry["points"]
    ]
    name = f"{entry['method']}, {entry['label']}" + (" + int8" if entry["int8"] else "")
    return f"| {name} | {'; '.join(cells)} |"


if __name__ == "__main__":
    main()
