"""Two neighbouring layers replaced by one: how to put it there, and where the cuts of channels are made then."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from torch import fx, nn

from ..graph import Slice
from ..layers import INPUT_ORIGIN, input_origin_of
from .parts import replace_layer

_JOINED = "joined"


def join_layers(net: fx.GraphModule, first: fx.Node, second: fx.Node, layer: nn.Module) -> None:
    """Put ``layer`` in the place of ``second``, reading what ``first`` reads, in place.

    It has the second layer's name, node and memory of output channels, and the first one's of input channels. What
    nothing reads any more is left for ``tidy``.
    """
    held = net.get_submodule(str(first.target))
    replace_layer(net, str(second.target), [layer])
    layer.register_buffer(INPUT_ORIGIN, input_origin_of(held))
    second.args = first.args
    net.meta[_JOINED] = {**net.meta.get(_JOINED, {}), str(first.target): str(second.target)}


def slices_left(net: fx.GraphModule, slices: Iterable[Slice]) -> tuple[Slice, ...]:
    """The slices of a group as they are in ``net``, which may have lost or joined some of their layers.

    What the first of two joined layers read, the joined layer reads; what the second one read is no more.
    """
    called = {str(node.target) for node in net.graph.nodes if node.op == "call_module"}
    joined: dict[str, str] = net.meta.get(_JOINED, {})
    left = []
    for part in slices:
        if part.side == "in":
            if part.layer in joined.values():
                continue
            name = part.layer
            while name in joined:
                name = joined[name]
            part = replace(part, layer=name)
        if part.layer in called:
            left.append(part)
    return tuple(left)


def reads_as(net: fx.GraphModule, name: str) -> str:
    """The uncompressed layer that read what the layer ``name`` reads: the first of those joined into it."""
    before = {second: first for first, second in net.meta.get(_JOINED, {}).items()}
    while name in before:
        name = before[name]
    return name
