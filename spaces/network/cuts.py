"""Where a network can be cut in two: all that comes later reads one value alone of what came before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import fx

from .channels.flow import is_input

Cut = int
"""The place of a node among the nodes: all that comes later reads of what came before this node's value alone."""


def cuts(net: fx.GraphModule) -> list[Cut]:
    """All cuts, first to last: behind every residual block, or every layer of a plain chain.

    One of several inputs is at hand wherever it is read.
    """
    nodes = list(net.graph.nodes)
    places = {node: place for place, node in enumerate(nodes)}
    found: list[Cut] = []
    read_until = 0
    for place, node in enumerate(nodes[:-1]):
        if is_at_hand(node):
            continue
        if read_until <= place:
            found.append(place)
        read_until = max(read_until, *(places[user] for user in node.users), 0)
    return found


def worth_keeping(net: fx.GraphModule, places: Sequence[Cut]) -> list[Cut]:
    """Cuts but for the input, and for what an operator without weights makes of the value at the cut before."""
    nodes, known = list(net.graph.nodes), set(places)
    return [cut for cut in places if cut and not (cut - 1 in known and cut > 1 and _is_free(net, nodes[cut]))]


def started_at(net: fx.GraphModule, cut: Cut, value: Any) -> dict[fx.Node, Any]:
    """The environment with which an ``fx.Interpreter`` runs a network from a cut on, given the value there."""
    nodes = list(net.graph.nodes)
    return {**dict.fromkeys(node for node in nodes[:cut] if not is_at_hand(node)), nodes[cut]: value}


def kept_cuts(net: fx.GraphModule) -> dict[fx.Node, Cut]:
    """The nodes whose values are :func:`worth_keeping`, first to last, with their places."""
    nodes = list(net.graph.nodes)
    return {nodes[cut]: cut for cut in worth_keeping(net, cuts(net))}


def start_before(
    net: fx.GraphModule, kept: dict[fx.Node, Cut], before: Cut, known: Callable[[fx.Node], Any]
) -> dict[fx.Node, Any]:
    """What an ``fx.Interpreter`` starts with, from the last cut before a place whose value is known; else nothing.

    Args:
        net: the network.
        kept: its :func:`kept_cuts`.
        before: the first place that has to be run.
        known: gives a node's value, or None.
    """
    for node, place in reversed(kept.items()):
        if place < before and (value := known(node)) is not None:
            return started_at(net, place, value)
    return {}


def is_at_hand(node: fx.Node) -> bool:
    """Whether a node is one of several inputs, or all of them."""
    return is_input(node) if node.op != "placeholder" else not is_input(node)


def _is_free(net: fx.GraphModule, node: fx.Node) -> bool:
    """Whether a node takes next to no time: it has no weights."""
    return node.op == "call_module" and not any(True for _ in net.get_submodule(str(node.target)).parameters())
