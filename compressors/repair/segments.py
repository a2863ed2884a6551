"""A network as a chain of segments, each of which computes one tensor from one tensor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

from torch import fx


@dataclass(frozen=True, eq=False)
class Segment:
    """What lies between two places where only one tensor is alive.

    Attributes:
        net: that it is a part of.
        start: the node whose value is read from outside, and no other but constants.
        nodes: in execution order; the value of the last is what the segment gives, that of the output node being the
            network's outputs.
    """

    net: fx.GraphModule
    start: fx.Node
    nodes: tuple[fx.Node, ...]

    @property
    def end(self) -> fx.Node:
        return self.nodes[-1]

    def __call__(self, value: Any) -> Any:
        """What the segment gives for the value of ``start``, with the weights as they are."""
        interpreter = fx.Interpreter(self.net)
        interpreter.env[self.start] = value
        for node in self.nodes:
            interpreter.env[node] = interpreter.run_node(node)
        return interpreter.env[self.end]


def segments_of(net: fx.GraphModule, ends: Callable[[fx.Node], bool]) -> list[Segment]:
    """The network cut at every node that ``ends`` accepts and that alone is alive once it is computed.

    Constants are no part of what is alive: each segment computes those that it reads.

    Args:
        net: with one placeholder.
        ends: whether a segment may end at a node; the placeholder and the output node are not asked for.
    """
    nodes = list(net.graph.nodes)
    first, last = next(node for node in nodes if node.op == "placeholder"), nodes[-1]
    depends = {first}
    depends.update(node for node in nodes if any(source in depends for source in node.all_input_nodes) or node is last)
    cuts = [node for node in _alone(nodes, depends) if node is not first and ends(node)]
    order = {node: index for index, node in enumerate(nodes)}
    found = []
    for start, end in pairwise([first, *cuts, last]):
        inside = [node for node in nodes[order[start] + 1 : order[end] + 1] if node in depends]
        constants = _constants(inside, depends)
        found.append(Segment(net, start, tuple(sorted([*constants, *inside], key=order.__getitem__))))
    return found


def _alone(nodes: list[fx.Node], depends: set[fx.Node]) -> list[fx.Node]:
    """The nodes after which no other value that depends on the input is read any more."""
    order = {node: index for index, node in enumerate(nodes)}
    changes = [0] * (len(nodes) + 1)
    for node in depends:
        if node.users:
            changes[order[node]] += 1
            changes[max(order[user] for user in node.users)] -= 1
    alive = list(accumulate(changes))
    return [node for node in nodes if node in depends and node.users and alive[order[node]] == 1]


def _constants(nodes: list[fx.Node], depends: set[fx.Node]) -> set[fx.Node]:
    """All that ``nodes`` read, directly or not, and that does not depend on the input."""
    found: set[fx.Node] = set()
    stack = [source for node in nodes for source in node.all_input_nodes]
    while stack:
        node = stack.pop()
        if node not in depends and node not in found:
            found.add(node)
            stack.extend(node.all_input_nodes)
    return found
