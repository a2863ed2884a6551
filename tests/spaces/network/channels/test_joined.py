"""Where slice plans of the uncompressed network lie once some of its layers are joined or gone."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from parefront.spaces.network.channels.joined import join_layers, slices_left
from parefront.spaces.network.graph import Slice
from parefront.spaces.network.layers import input_origin_of, keep_inputs, origin_of
from parefront.spaces.network.rebuild import tidy

from ....flat import chain, images, relu

X = images(2, 3)
CHANNELS = np.arange(4)


def slices(*ends: tuple[str, str]) -> list[Slice]:
    return [Slice(layer, side, CHANNELS, CHANNELS) for layer, side in ends]


def joined(*pairs: tuple[str, str]) -> tuple[nn.Module, list[tuple[str, str]]]:
    """A network of four linear layers, pairs of which are joined in order; and what is left of all its slices."""
    net = chain(X, a=nn.Linear(3, 4), b=nn.Linear(4, 4), act=relu(), c=nn.Linear(4, 4), d=nn.Linear(4, 2))
    nodes = {str(node.target): node for node in net.graph.nodes}
    for first, second in pairs:
        one, two = (net.get_submodule(name) for name in (first, second))
        assert isinstance(one, nn.Linear)
        assert isinstance(two, nn.Linear)
        join_layers(net, nodes[first], nodes[second], nn.Linear(one.in_features, two.out_features))
    tidy(net)
    left = slices_left(net, slices(*((layer, side) for layer in "abcd" for side in ("in", "out"))))
    return net, [(part.layer, part.side) for part in left]


def test_what_the_first_read_the_joined_layer_reads() -> None:
    net, left = joined(("b", "c"))
    assert net(X).shape == (2, 2)
    assert left == [("a", "in"), ("a", "out"), ("c", "in"), ("c", "out"), ("d", "in"), ("d", "out")]


def test_chains_are_followed_to_their_end() -> None:
    _, left = joined(("a", "b"), ("b", "c"), ("c", "d"))
    assert left == [("d", "in"), ("d", "out")]


def test_the_joined_layer_knows_whose_channels_it_reads_and_gives() -> None:
    net = chain(X, a=nn.Linear(3, 4), b=nn.Linear(4, 2))
    keep_inputs(net.get_submodule("a"), torch.tensor([0, 2]))
    first, second = (node for node in net.graph.nodes if node.op == "call_module")
    join_layers(net, first, second, nn.Linear(2, 2))
    layer = net.get_submodule("b")
    assert (input_origin_of(layer).tolist(), origin_of(layer).tolist()) == ([0, 2], [0, 1])
