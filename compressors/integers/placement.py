"""Where activations become integers: so that neighbouring int8 layers pass int8 between them, and nothing else pays."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from torch import fx

from ...spaces.network.channels.flow import op_of
from ...spaces.network.ops import Op

CARRIERS = frozenset(
    {"Add", "AveragePool", "Concat", "Flatten", "Gather", "GlobalAveragePool", "LeakyRelu", "MaxPool", "Mul", "Pad",
     "Part", "Reshape", "Resize", "Sigmoid", "Slice", "Split", "Squeeze", "Transpose", "Unsqueeze"}
)  # fmt: skip
"""Operators with an integer kernel in ONNX Runtime, or that only move data: int8 passes through them."""

MOVERS = frozenset(
    {"Flatten", "Gather", "MaxPool", "Pad", "Part", "Reshape", "Slice", "Split", "Squeeze", "Transpose", "Unsqueeze"}
)
"""Carriers whose outputs are among their inputs (and zero), so that they keep the scale of what they read."""

CLAMPS = frozenset({"Relu", "Clip"})
"""Activations that rounding to unsigned integers of the right range does by itself."""


@dataclass(frozen=True)
class Placement:
    """Where to put quantisation points.

    Attributes:
        points: node behind whose output a point goes, in execution order; its value is whether *every* reader reads
            the integers (it is made in int8) or only int8 readers do (it is made in float).
        integer: layers and carriers that run in int8.
    """

    points: dict[fx.Node, bool]
    integer: frozenset[fx.Node]


def place(net: fx.GraphModule, layers: Collection[str]) -> Placement:
    """Decide the points for int8 ``layers`` (module names).

    A carrier runs in int8 where all it reads comes from int8 layers and something int8 reads it; so no value is
    turned into integers and back between two int8 layers, residual additions included.
    """
    ops = {node: "" if _fills(net, node) else op_of(net, node) for node in net.graph.nodes}
    chosen = {node for node in net.graph.nodes if node.op == "call_module" and node.target in layers}
    fed = _fed(net, ops, chosen)
    needed = _needed(net, ops, chosen)
    carriers = {node for node in fed & needed if ops[node] in CARRIERS}
    integer = chosen | carriers
    ends = {node: _end(node, ops) for node in integer}
    made = {ends[node] for node in integer if _needs_point(node, ops, ends, integer)}
    used = {node for node in net.graph.nodes if node not in integer and _read(node, integer)} - set(ends.values())
    points = {node: node in made for node in net.graph.nodes if node in made or node in used}
    return Placement(points, frozenset(integer))


def _fills(net: fx.GraphModule, node: fx.Node) -> bool:
    """Whether a node pads with something else than zero, e.g. with −∞ before a max pool."""
    if op_of(net, node) != "Pad":
        return False
    pad = net.get_submodule(str(node.target))
    fill = pad.constant(2) if isinstance(pad, Op) else None
    return fill is not None and bool(fill.any())


def _needs_point(
    node: fx.Node, ops: dict[fx.Node, str], ends: dict[fx.Node, fx.Node], integer: Collection[fx.Node]
) -> bool:
    """A linear layer without a clamp can give floats to those who read floats; the parts of a split have own points."""
    if ops[node] == "Split":
        return False
    return ops[node] != "Linear" or ends[node] is not node or _read(node, integer)


def _fed(net: fx.GraphModule, ops: dict[fx.Node, str], chosen: set[fx.Node]) -> set[fx.Node]:
    """Nodes whose inputs all come from int8 layers, through carriers and clamps alone; and those layers."""
    fed = set(chosen)
    for node in net.graph.nodes:
        if ops[node] in CARRIERS | CLAMPS and node.all_input_nodes and all(i in fed for i in node.all_input_nodes):
            fed.add(node)
    return fed


def _needed(net: fx.GraphModule, ops: dict[fx.Node, str], chosen: set[fx.Node]) -> set[fx.Node]:
    """Nodes that an int8 layer reads, through carriers and clamps alone."""
    needed: set[fx.Node] = set()
    for node in reversed(list(net.graph.nodes)):
        passes = ops[node] in CARRIERS | CLAMPS and node in needed
        if node in chosen or passes:
            needed.update(node.all_input_nodes)
    return needed


def _read(node: fx.Node, integer: Collection[fx.Node]) -> bool:
    return any(reader in integer for reader in node.users)


def _end(node: fx.Node, ops: dict[fx.Node, str]) -> fx.Node:
    """The clamp behind a node where it alone reads it; else the node itself."""
    readers = list(node.users)
    return readers[0] if len(readers) == 1 and ops[readers[0]] in CLAMPS else node
