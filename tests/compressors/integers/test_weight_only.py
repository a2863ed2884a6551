"""Weights in few bits beside float activations: what the file holds, and that it computes what torch computes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from parefront.compressors.context import Context
from parefront.compressors.integers.weight_only import BlockedLinear, PackedLayer, weight_only
from parefront.compressors.registry import create
from parefront.compressors.statistics.calibration import Calibration
from parefront.evaluators.quality.accuracy import open_session
from parefront.evaluators.quality.parity import check_parity
from parefront.spaces.network.emit import emit
from parefront.spaces.network.rebuild import duplicate
from parefront.spaces.network.trace import trace

from ..conftest import MakeBench

IMAGES = torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(0))


def nodes(path: Path) -> list[str]:
    return [node.op_type for node in onnx.load(path).graph.node]


@pytest.mark.parametrize("choice", ["w8", "w4", "w2", "w1"])
def test_no_activation_is_quantised(bench: MakeBench, tmp_path: Path, choice: str) -> None:
    subject = bench("concat", quantize={"bits": [32, choice]})
    net = subject.uniform(quantize=choice)
    artifact = emit(net, tmp_path / "net.onnx", subject.calibration.example)
    check_parity(open_session(artifact.path, threads=1), net, subject.calibration.example)
    assert not {"QuantizeLinear", "DequantizeLinear"} & set(nodes(artifact.path))


def test_linear_layers_are_read_in_few_bits_where_the_runtime_can() -> None:
    assert all(isinstance(weight_only(nn.Linear(40, 5), bits), BlockedLinear) for bits in (8, 4, 2))
    assert isinstance(weight_only(nn.Linear(40, 5), 1), PackedLayer)
    assert isinstance(weight_only(nn.Conv2d(4, 4, 3), 4), PackedLayer)


@pytest.mark.parametrize("bits", [8, 4, 2])
def test_blocks_of_inputs_have_scales_of_their_own(bits: int, tmp_path: Path) -> None:
    torch.manual_seed(0)
    head = nn.Linear(192, 10)
    head.weight.data[:, :96] *= 100
    net = trace(nn.Sequential(nn.Flatten(), head), IMAGES).net
    name = next(name for name, module in net.named_modules() if isinstance(module, nn.Linear))
    net.set_submodule(name, weight_only(net.get_submodule(name), bits))
    artifact = emit(net, tmp_path / "net.onnx", IMAGES)
    check_parity(open_session(artifact.path, threads=1), net, IMAGES)
    assert "MatMulNBits" in nodes(artifact.path)
    layer = net.get_submodule(name)
    assert isinstance(layer, BlockedLinear)
    fine = layer.held()[0].detach()[:, 96:].numpy()
    assert len(np.unique(fine)) > 2


@pytest.mark.parametrize(("choice", "bits"), [("w8", 8), ("w4", 4), ("w2", 2), ("w1", 1), (4, 4), (2, 2), (1, 1)])
def test_a_layer_takes_its_bits_on_disk(choice: int | str, bits: int, tmp_path: Path) -> None:
    """Within 10 % of n / 32 of the float bytes, plus scales."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 128, 3), nn.ReLU(), nn.Conv2d(128, 256, 3), nn.ReLU(), nn.Flatten(1))
    traced = trace(model, IMAGES)
    layer = traced.graph.layers[1]
    calibration = Calibration(traced.net, IMAGES)
    sizes = []
    for given in ({layer.name: choice}, {layer.name: 8}):
        quantize = create("quantize", {"bits": [32, choice, 8], "bias_correction": False})
        context = Context(traced.graph, calibration)
        net = quantize.plan(traced.graph).apply(duplicate(traced.net), given, context)
        sizes.append(emit(net, tmp_path / "net.onnx", IMAGES).size_bytes)
    weights = 128 * 256 * 9
    saved, expected = sizes[1] - sizes[0], weights - weights * bits / 8
    assert abs(saved - expected) < 0.1 * weights * bits / 8 + (0 if bits < 8 else 3 * 256 * 4)
