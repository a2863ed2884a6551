"""The blocks of an exit's head: those of the rest of the network that cannot be left out, with weights of their own."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, fx, nn

from parefront.compressors.exits.exit import leaving_at
from parefront.compressors.exits.heads import pool_of, solved
from parefront.compressors.integers.quantized import QuantizedLayer
from parefront.compressors.recovery.places import watched
from parefront.evaluators.quality.accuracy import open_session
from parefront.evaluators.quality.exit_parity import check_every_way
from parefront.spaces.network.emit import emit
from parefront.spaces.network.trace import trace

from ..conftest import Bench, MakeBench

FIRST, LAST = "early_exit/2.conv2.0", "early_exit/4.conv2.0"
"""Behind the first and the third of four residual blocks; the third is the one that changes the shape."""


@pytest.fixture
def subject(bench: MakeBench) -> Bench:
    return bench("residual", early_exit={"places": 50, "head": "blocks"}, drop_blocks={"compensate": "none"})


def given_early(subject: Bench, net: fx.GraphModule) -> Tensor:
    with leaving_at(net, 0):
        return subject.outputs(net)


def chain() -> nn.Sequential:
    """Three stages of four convolutions each; the first of a later stage halves the image."""
    stages = [(3, 8, 1), *[(8, 8, 1)] * 3, (8, 16, 2), *[(16, 16, 1)] * 3, (16, 32, 2), *[(32, 32, 1)] * 3]
    layers = [nn.Sequential(nn.Conv2d(i, o, 3, stride, 1), nn.ReLU()) for i, o, stride in stages]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 10))


def copies(net: fx.GraphModule) -> list[str]:
    """The convolutions of heads."""
    return [name for name, module in net.named_modules() if "_exit_" in name and isinstance(module, nn.Conv2d)]


def test_a_head_computes_what_the_network_does_without_the_blocks_that_keep_the_shape(subject: Bench) -> None:
    """Its oracle is the network of which the block between was dropped, with the same linear layer solved on top."""
    dropped = subject.apply({"drop_blocks/3": True})
    pooling = next(node for node in dropped.graph.nodes if "ool" in str(node.target))
    with torch.no_grad():
        _, (activation,) = watched(dropped, [pooling.args[0].name])(subject.images)
        pooled = pool_of(*activation.shape[2:])(activation).flatten(1)
        expected = solved(pooled, subject.outputs(subject.net))(pooled)
    net = subject.apply({FIRST: 0.9})
    torch.testing.assert_close(given_early(subject, net), expected, rtol=1e-4, atol=1e-4)
    assert len(copies(net)) == 5


@pytest.mark.parametrize(("depth", "expected"), [(1, [4, 8, 11]), (2, [4, 5, 8, 9, 11]), (3, [4, 5, 6, 8, 9, 10, 11])])
def test_a_deeper_head_has_more_layers_of_each_shape(bench: MakeBench, depth: int, expected: list[int]) -> None:
    """Of the layers behind the first one those that lead to a shape, those that follow them, and the last one."""
    net = trace(chain(), torch.zeros(1, 3, 16, 16)).net
    exiting = {"places": 50, "head": "blocks", "depth": depth}
    subject = bench(net, torch.randn(32, 3, 16, 16), early_exit=exiting)
    assert copies(subject.apply({"early_exit/0.0": 0.9})) == [f"0_0_exit__{layer}_0" for layer in expected]


def test_nothing_is_copied_where_all_of_the_rest_would_be(subject: Bench) -> None:
    assert not copies(subject.apply({LAST: 0.9}))


def test_a_head_has_weights_of_its_own(subject: Bench) -> None:
    net = subject.apply({FIRST: 0.9})
    with torch.no_grad():
        for name in copies(net):
            net.get_parameter(f"{name}.weight").zero_()
    with leaving_at(net, 1):
        torch.testing.assert_close(subject.outputs(net), subject.outputs(subject.net))


def test_a_copy_takes_the_bits_of_its_layer_and_every_way_through_the_file_is_the_networks(
    bench: MakeBench, tmp_path: Path
) -> None:
    subject = bench("residual", early_exit={"places": 50, "head": "blocks"}, quantize={"bits": [32, 8]})
    net = subject.apply({**subject.pipeline.space.uniform({"quantize": 8}), FIRST: 0.7, LAST: 0.7})
    held = [module for name, module in net.named_modules() if "_exit_" in name and isinstance(module, QuantizedLayer)]
    assert len(held) == 5
    path = emit(net, tmp_path / "x.onnx", subject.calibration.example).path
    check_every_way(open_session(path), path, net, subject.calibration.example)
