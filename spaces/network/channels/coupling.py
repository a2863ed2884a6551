"""Where channels end: operators through which one channel is not one channel any more, so that coupling stops there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, fx, nn

from ...tensors.batch import Tensors, mapped
from ..graph import ChannelGroup, ModelGraph
from ..ops import Op

ELEMENTWISE = frozenset({"Add", "Div", "Max", "Min", "Mul", "Pow", "Sub", "Where"})
MOVING = frozenset(
    {"Concat", "Expand", "Flatten", "Gather", "Pad", "Part", "Reshape", "Slice", "Split", "Squeeze", "Tile",
     "Transpose", "Unsqueeze"}
)  # fmt: skip
"""Operators that only move data, and that may move one channel to the place of another."""
MIXING = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"})
SHUFFLING = frozenset({"DepthToSpace", "SpaceToDepth"})

Ends = Mapping[tuple[str, str], str]
"""For the nodes' names (read, reading): what the reading operator makes of channels, as the end of a sentence."""


@dataclass(frozen=True, eq=False)
class Traceable:
    """A network whose coupling can be traced by its gradients.

    Attributes:
        net: calls the modules of the network it was made of; its outputs are the network's and, behind it, every value
            whose channels end.
        ends: where they do.
    """

    net: fx.GraphModule
    ends: Ends


def traceable(net: fx.GraphModule, labels: Mapping[fx.Node, str], example: Tensors, movers: bool = False) -> Traceable:
    """Cut a network where channels end.

    These are operators that turn channels into pixels, that reduce over them, or that no gradient flows through, and
    the operand of one channel that is broadcast over many: a pruner would take its channel for each of them.

    Args:
        movers: whether channels end at reshapes, transpositions and slices too, which not every pruner can follow.
    """
    values = _Values(net)
    values.run(example)
    graph = fx.Graph()
    modules = {str(node.target): net.get_submodule(str(node.target)) for node in net.graph.nodes if _calls(node)}
    copies: dict[fx.Node, fx.Node] = {}
    ends: dict[tuple[str, str], str] = {}
    loose: list[fx.Node] = []
    led: set[fx.Node] = set()  # what a gradient leads to, by its value or by its shape alone
    for node in net.graph.nodes:
        if node.op == "output":
            followed = [source for source in node.all_input_nodes if values.of[source].requires_grad]
            graph.output((*(copies[source] for source in followed or node.all_input_nodes[:1]), *loose))
            continue
        copies[node] = graph.node_copy(node, lambda source: copies[source])
        for source in node.all_input_nodes:
            end = _end(net, node, values.of.get(source), values.of.get(node), movers)
            if end is None:
                continue
            ends[labels[source], labels[node]] = end
            if values.of[source].requires_grad:
                loose.append(copies[source])
            with graph.inserting_before(copies[node]):
                stopped = graph.call_method("detach", (copies[source],))
            copies[node].replace_input_with(copies[source], stopped)
        made = values.of.get(node)
        if (made is not None and made.requires_grad) or not led.isdisjoint(node.all_input_nodes):
            led.add(node)
        if (
            made is not None
            and made.dim() == 4
            and node.args
            and (
                (made.is_floating_point() and node not in led)
                or all(ends.get((labels[s], labels[node])) for s in node.all_input_nodes)
            )
        ):
            name = f"{node.name}_channels"
            modules[name] = Channels(made.shape[1])
            copies[node] = graph.call_module(name, (copies[node],))
    return Traceable(fx.GraphModule(modules, graph).eval(), {key: end for key, end in ends.items() if end})


class Channels(nn.BatchNorm2d):
    """Stands behind an operator where channels end, so that those that begin there are counted in a concatenation.

    So it does behind what is made of indices or masks alone, which no gradient leads to.
    """


def _calls(node: fx.Node) -> bool:
    return node.op == "call_module"


def end_behind(group: ChannelGroup, graph: ModelGraph, ends: Ends) -> str | None:
    """Where the channels of a group end, as a sentence; None where they do not."""
    for source, name in _edges(group, graph):
        if (source, name) in ends:
            return f"{graph.node[name].op} {name!r} {ends[source, name]}"
    return None


def mover_behind(group: ChannelGroup, graph: ModelGraph) -> str | None:
    """The first operator that may move channels of a group to other places, as ``"Reshape 'view'"``, or None."""
    names = [name for _, name in _edges(group, graph) if graph.node[name].op in MOVING]
    return f"{graph.node[names[0]].op} {names[0]!r}" if names else None


def mover_before(name: str, graph: ModelGraph) -> str | None:
    """The first operator, back from a layer, that may have moved its channels, or None."""
    stack, seen = [*graph.node[name].inputs], set()
    while stack:
        source = graph.node[stack.pop()]
        if source.op in MOVING - {"Part"}:
            return f"{source.op} {source.name!r}"
        if source.name not in seen and not source.layer:
            seen.add(source.name)
            stack.extend(source.inputs)
    return None


def _edges(group: ChannelGroup, graph: ModelGraph) -> list[tuple[str, str]]:
    """The pairs of nodes that a group's channels pass between, from the layers that write them to those that read."""
    writers = {part.layer for part in group.writers}
    stack = [node.name for node in reversed(graph.nodes) if node.layer in writers]
    seen: set[str] = set()
    found: list[tuple[str, str]] = []
    while stack:
        source = stack.pop()
        if source in seen:
            continue
        seen.add(source)
        for name in graph.readers[source]:
            found.append((source, name))
            if not graph.node[name].layer:
                stack.append(name)
    return found


def _end(net: fx.GraphModule, node: fx.Node, source: Tensor | None, value: Tensor | None, movers: bool) -> str | None:
    """What a node makes of the channels of a value that it reads; "" for one that is broadcast; None if they go on."""
    op = net.get_submodule(str(node.target)) if _calls(node) else None
    if not isinstance(op, Op) or source is None or value is None:
        return None
    if op.op_type in SHUFFLING:
        return "turns its channels into pixels"
    if op.op_type == "Shape":
        return None
    if source.requires_grad and not value.requires_grad:
        return "is not followed when channels are pruned"
    if op.op_type in MIXING and op.constants:
        return "reads all of its channels, and is not compressed"
    if movers and op.op_type in MOVING - {"Concat", "Flatten", "Pad", "Part", "Split"}:
        return "moves its channels to places where they cannot be followed"
    if source.dim() < 4:
        return None
    if op.op_type.startswith("Reduce") and 1 in _axes(op, source):
        return "makes one of its channels"
    broadcast = op.op_type in ELEMENTWISE and source.dim() == value.dim() and source.shape[1] == 1 < value.shape[1]
    return "" if broadcast else None


def _axes(op: Op, source: Tensor) -> list[int]:
    axes = op.constant(1)
    return list(range(source.dim())) if axes is None else [int(axis) % source.dim() for axis in axes.ravel()]


def _with_gradient(tensor: Tensor) -> Tensor:
    """A copy to be followed by gradients, which whole numbers and truth values have none of."""
    return tensor.clone().requires_grad_(tensor.is_floating_point())


class _Values(fx.Interpreter):
    """Keeps the (first) output of every node, with its gradient."""

    def __init__(self, net: fx.GraphModule) -> None:
        super().__init__(net)
        self.of: dict[fx.Node, Tensor] = {}

    def run(self, example: Tensors) -> object:  # type: ignore[override]
        with torch.enable_grad():
            return super().run(mapped(_with_gradient, example))

    def run_node(self, n: fx.Node) -> object:
        value = super().run_node(n)
        first = value[0] if isinstance(value, tuple) else value
        if isinstance(first, Tensor):
            self.of[n] = first
        return value
