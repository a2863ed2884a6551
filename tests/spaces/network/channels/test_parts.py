"""A chain in a layer's place: what it is called, what it remembers, and that it is read as the layer was."""

from __future__ import annotations

import torch
from torch import nn

from parefront.spaces.network.channels.parts import layer_of, replace_layer
from parefront.spaces.network.layers import INPUT_ORIGIN, origin_of

from ....flat import chain, images, relu

X = images(10, 6)


def test_a_chain_computes_in_the_layers_place() -> None:
    net = chain(X[:1], a=nn.Linear(6, 8), act=relu(), b=nn.Linear(8, 3))
    first, last = nn.Linear(6, 2), nn.Linear(2, 8)
    replace_layer(net, "a", [first, last])
    net.recompile()
    with torch.no_grad():
        expected = net.get_submodule("b")(torch.relu(last(first(X))))
        torch.testing.assert_close(net(X), expected)


def test_the_last_part_has_the_layers_name_and_outputs_and_the_others_are_its_parts() -> None:
    net = chain(X[:1], a=nn.Linear(6, 8), b=nn.Linear(8, 3))
    before = origin_of(net.get_submodule("a"))
    replace_layer(net, "a", [nn.Linear(6, 4), nn.Linear(4, 2), nn.Linear(2, 8)])
    called = {str(node.target): layer_of(node) for node in net.graph.nodes if node.op == "call_module"}
    assert called == {"a_part1": "a", "a_part2": "a", "a": "a", "b": "b"}
    assert torch.equal(origin_of(net.get_submodule("a")), before)
    assert INPUT_ORIGIN not in dict(net.get_submodule("a").named_buffers())
