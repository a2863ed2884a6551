"""Cross-layer equalisation: the network is the same, the ranges of neighbours meet."""

from __future__ import annotations

import pytest
import torch

from parefront.compressors.integers.equalize import equalize

from ..conftest import MakeBench


@pytest.mark.parametrize("network", ["plain", "residual", "depthwise", "concat"])
def test_the_network_computes_what_it_computed(bench: MakeBench, network: str) -> None:
    subject = bench(network, quantize={})
    equal = subject.apply({})
    equalize(equal, [layer.name for layer in subject.graph.layers])
    torch.testing.assert_close(subject.outputs(equal), subject.outputs(subject.net), rtol=1e-3, atol=1e-4)


def test_a_channels_range_is_the_same_in_both_layers(bench: MakeBench) -> None:
    subject = bench("residual", quantize={})
    net = subject.apply({})
    equalize(net, [layer.name for layer in subject.graph.layers])
    pair = [layer.name for layer in subject.graph.layers if layer.name.startswith("2.")][:2]
    first, second = (net.get_submodule(name).get_parameter("weight").abs() for name in pair)
    torch.testing.assert_close(first.flatten(1).amax(1), second.transpose(0, 1).flatten(1).amax(1), rtol=1e-4, atol=0)


def test_layers_that_are_not_named_are_left_alone(bench: MakeBench) -> None:
    subject = bench("plain", quantize={})
    net = subject.apply({})
    equalize(net, [subject.graph.layers[0].name])
    assert torch.equal(subject.outputs(net), subject.outputs(subject.net))


def test_4_bits_per_tensor_lose_less_with_it(bench: MakeBench) -> None:
    options = {"bits": [32, 4], "granularity": "tensor", "bias_correction": False}
    with_it, without = (bench("depthwise", quantize={**options, "equalize": e}) for e in (True, False))
    assert with_it.error(with_it.uniform(quantize=4)) < without.error(without.uniform(quantize=4))
