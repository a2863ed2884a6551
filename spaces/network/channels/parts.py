"""A layer replaced by a chain of smaller ones: how to put them there, and how later methods find them."""

from __future__ import annotations

from collections.abc import Sequence

from torch import fx, nn

from ..layers import INPUT_ORIGIN

_LAYER = "layer"


def replace_layer(net: fx.GraphModule, name: str, parts: Sequence[nn.Module]) -> None:
    """Put a chain of modules in the place of the layer ``name``, in place, wherever it is called; not yet recompiled.

    The last part takes the layer's name, node and memory of the uncompressed layer (``origin``, folded batch norm), so
    that compensation finds it; those before it are called ``<name>_part1``, ``<name>_part2``, …
    """
    layer, last = net.get_submodule(name), parts[-1]
    for kept, buffer in layer.named_buffers(recurse=False):
        if kept != INPUT_ORIGIN:
            last.register_buffer(kept, buffer)
    calls = [node for node in net.graph.nodes if node.op == "call_module" and node.target == name]
    before = [f"{name}_part{index}" for index in range(1, len(parts))]
    for path, part in zip(before, parts, strict=False):
        net.add_submodule(path, part)
    net.set_submodule(name, last)
    for call in calls:
        source = call.all_input_nodes[0]
        with net.graph.inserting_before(call):
            for path in before:
                source = net.graph.call_module(path, (source,))
                part_of(source, name)
        call.args = (source,)


def part_of(node: fx.Node, layer: str) -> None:
    """Let a node count as a part of the layer so named."""
    node.meta[_LAYER] = layer


def layer_of(node: fx.Node) -> str:
    """The name of the layer that a node runs, or is a part of."""
    return str(node.meta.get(_LAYER, node.target))
