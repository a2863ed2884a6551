"""What the nodes of a rebuilt network are called, and which operator each stands for."""

from __future__ import annotations

import operator
from typing import Any

from torch import fx, nn

from ..layers import WEIGHTED
from ..ops import Op


def op_of(net: fx.GraphModule, node: fx.Node) -> str:
    """The ONNX operator that a node stands for; ``"input"``, ``"output"``, ``"Part"`` for one of several outputs."""
    if node.op == "placeholder" or is_input(node):
        return "input"
    if node.op == "output":
        return "output"
    if node.target is operator.getitem:
        return "Part"
    module = net.get_submodule(str(node.target))
    if isinstance(module, Op):
        return module.op_type
    names: tuple[tuple[type[nn.Module], str], ...] = (
        (nn.Linear, "Linear"),
        (nn.BatchNorm2d, "BatchNormalization"),
        (nn.LayerNorm, "LayerNormalization"),
    )
    for kind, name in names:
        if isinstance(module, kind):
            return name
    return "Conv" if isinstance(module, WEIGHTED) else type(module).__name__


def is_input(node: fx.Node) -> bool:
    """Whether a node is one of the network's tensors: its only input, or one of several."""
    taken = node.args[0] if node.target is operator.getitem else None
    if isinstance(taken, fx.Node):
        return taken.op == "placeholder"
    return node.op == "placeholder" and not any(map(is_input, node.users))


def labels_of(net: fx.GraphModule) -> dict[fx.Node, str]:
    """A name for every node: its module's, or its own where a module is called a second time or there is none."""
    labels: dict[fx.Node, str] = {}
    seen: set[str] = set()
    for node in net.graph.nodes:
        target = str(node.target) if node.op == "call_module" else node.name
        labels[node] = node.name if target in seen else target
        seen.add(labels[node])
    return labels


class Located(fx.Interpreter):
    """Runs a network and remembers the node that it is at."""

    at: fx.Node

    def run_node(self, n: fx.Node) -> Any:
        self.at = n
        return super().run_node(n)
