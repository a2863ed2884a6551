"""Renormalised layers: the statistics of the uncompressed network again, whatever was pruned before them."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, fx, nn

from parefront.compressors.repair.renormalize import output_statistics, renormalize
from parefront.spaces.network.layers import SequenceLinear

from ...flat import add, chain, conv, flat, images, relu
from ..conftest import MakeBench


def of_layers(net: fx.GraphModule, x: Tensor) -> dict[str, tuple[Tensor, Tensor]]:
    """Mean and deviation of each layer's outputs, by an interpreter of their own."""

    class Watch(fx.Interpreter):
        def run_node(self, n: fx.Node) -> object:
            value = super().run_node(n)
            if n.op == "call_module" and isinstance(net.get_submodule(str(n.target)), nn.Conv2d | nn.Linear):
                assert isinstance(value, Tensor)
                rows = value.movedim(1, -1) if value.dim() == 4 else value
                flattened = rows.reshape(-1, rows.shape[-1])
                found[str(n.target)] = (flattened.mean(0), flattened.std(0, correction=0))
            return value

    found: dict[str, tuple[Tensor, Tensor]] = {}
    with torch.no_grad():
        Watch(net).run(x)
    return found


def layers_of(net: fx.GraphModule) -> list[fx.Node]:
    return [n for n in net.graph.nodes if n.op == "call_module" and hasattr(net.get_submodule(str(n.target)), "weight")]


def residual(x: Tensor) -> fx.GraphModule:
    torch.manual_seed(0)
    return flat(
        x, ("a", conv(3, 8), ("input",)), ("act", relu(), ("a",)), ("b", conv(8, 8, stride=1), ("act",)),
        ("sum", add(), ("act", "b")), ("act2", relu(), ("sum",)), ("c", conv(8, 4, groups=2), ("act2",)),
    )  # fmt: skip


def test_every_layer_has_the_mean_and_deviation_it_had() -> None:
    x = images(16, 3, 8, 8)
    net = residual(x)
    nodes, before = layers_of(net), of_layers(net, x)
    wanted = output_statistics(net, nodes, x)
    for name in before:
        weight = net.get_submodule(name).get_parameter("weight")
        weight.data[weight.abs() < 0.6 * weight.abs().max()] = 0
    renormalize(net, wanted, x)
    for name, statistics in of_layers(net, x).items():
        torch.testing.assert_close(statistics, before[name], rtol=1e-4, atol=1e-5)


def test_linear_layers_over_sequences_too() -> None:
    x = images(16, 5, 12)
    net = chain(x, a=SequenceLinear(12, 6))
    before = of_layers(net, x)
    wanted = output_statistics(net, layers_of(net), x)
    net.get_submodule("a").get_parameter("weight").data[:, ::2] = 0
    renormalize(net, wanted, x)
    torch.testing.assert_close(of_layers(net, x)["a"], before["a"], rtol=1e-4, atol=1e-5)


def test_a_network_that_nothing_was_taken_from_stays() -> None:
    x = images(16, 3, 8, 8)
    net = residual(x)
    whole = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    renormalize(net, output_statistics(net, layers_of(net), x), x)
    for name, tensor in net.state_dict().items():
        torch.testing.assert_close(tensor, whole[name], rtol=1e-5, atol=1e-5)


def test_channels_without_weights_are_constant_and_zeros_stay_zeros() -> None:
    x = images(16, 3, 8, 8)
    net = residual(x)
    wanted = output_statistics(net, layers_of(net), x)
    layer = net.get_submodule("a")
    layer.get_parameter("weight").data[2] = 0
    renormalize(net, wanted, x)
    with torch.no_grad():
        constant = layer(x)[:, 2]
    assert not layer.get_parameter("weight")[2].any()
    torch.testing.assert_close(constant, wanted[layers_of(net)[0]][0][2].expand_as(constant))


def test_a_layer_without_a_bias_gets_none() -> None:
    x = images(16, 8)
    net = chain(x, a=nn.Linear(8, 4, bias=False))
    wanted = output_statistics(net, layers_of(net), x)
    net.get_submodule("a").get_parameter("weight").data[:, :3] = 0
    renormalize(net, wanted, x)
    assert net.get_submodule("a").bias is None
    torch.testing.assert_close(of_layers(net, x)["a"][1], wanted[layers_of(net)[0]][1], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("network", ["plain", "residual", "depthwise", "concat"])
def test_outputs_of_pruned_networks_are_nearer_to_the_uncompressed_ones(network: str, bench: MakeBench) -> None:
    errors = []
    for wanted in (True, False):
        subject = bench(network, prune_weights={"renormalize": wanted})
        errors.append(subject.error(subject.uniform(prune_weights=0.5)))
    assert errors[0] < errors[1]
