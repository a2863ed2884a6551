"""Networks of torchvision, unattended: a space for each, then one random policy in int8, emitted, loaded and compared.

    python benchmarks/zoo.py [MODEL …]

Weights are random (no download), batch-norm statistics are taken from noise so that activations have a scale.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torchvision
from torch import nn

from parefront.compressors.context import Context
from parefront.compressors.pipeline import Pipeline
from parefront.compressors.registry import create
from parefront.compressors.statistics.calibration import Calibration
from parefront.evaluators.quality.accuracy import open_session
from parefront.evaluators.quality.parity import check_parity, prove
from parefront.spaces.network.emit import emit
from parefront.spaces.network.trace import trace

MODELS = (
    "resnet18", "resnet50", "mobilenet_v2", "mobilenet_v3_small", "efficientnet_b0", "densenet121", "googlenet",
    "vgg16_bn", "squeezenet1_1", "regnet_y_400mf", "mnasnet1_0", "convnext_tiny", "shufflenet_v2_x1_0", "vit_b_16",
)  # fmt: skip
RESULTS = Path(__file__).with_name("results") / "zoo.json"


def network(name: str) -> nn.Module:
    """A torchvision network with random weights and plausible batch-norm statistics."""
    torch.manual_seed(0)
    extra: dict[str, Any] = {"init_weights": True} if name == "googlenet" else {}
    model: nn.Module = getattr(torchvision.models, name)(weights=None, **extra)
    for head in [m for m in model.modules() if isinstance(m, nn.Linear) and not m.weight.any()]:
        nn.init.xavier_uniform_(head.weight)  # as it comes, ViT's gives zeros whatever the rest does
    norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = None
        norm.reset_running_stats()
        norm.train()
    model.eval()
    for norm in norms:
        norm.train()
    with torch.no_grad():
        model(torch.randn(4, 3, 224, 224))
    return model.eval()


def build(name: str, folder: Path) -> dict[str, Any]:
    """Space, policy, artefact and parity of one network; the reasons of what is left out."""
    model, images = network(name), torch.randn(8, 3, 224, 224)
    started = time.perf_counter()
    traced = trace(model, images[:2], prove)
    compressors = [create("prune_channels", {"ratios": [0, 0.25, 0.5]}), create("drop_blocks"), create("quantize")]
    pipeline = Pipeline.of(compressors, traced.graph)
    space = pipeline.space
    spent = time.perf_counter() - started
    choices = dict(space.sample(np.random.default_rng(0)))
    choices |= {k.name: 8 for k in space if k.compressor == "quantize"}
    context = Context(traced.graph, Calibration(traced.net, images))
    net = pipeline.apply(traced.net, space.decode(choices), context)
    artifact = emit(net, folder / f"{name}.onnx", images)
    difference = check_parity(open_session(artifact.path), net, images[:4])
    reasons: dict[str, int] = {}
    for exclusion in traced.graph.excluded:
        reasons[exclusion.reason] = reasons.get(exclusion.reason, 0) + 1
    return {
        "seconds": spent, "layers": len(traced.graph.layers), "groups": len(traced.graph.groups), "knobs": len(space),
        "parity": difference, "made_by": artifact.made_by, "excluded": reasons,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=MODELS)
    results: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}
    with tempfile.TemporaryDirectory() as folder:
        for name in parser.parse_args().models:
            try:
                results[name] = build(name, Path(folder))
            except Exception as error:  # every network is tried; what fails is reported as such
                results[name] = {"error": f"{type(error).__name__}: {error}"[:300]}
            print(name, results[name], flush=True)
            RESULTS.parent.mkdir(exist_ok=True)
            RESULTS.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
