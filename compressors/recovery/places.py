"""Where student and teacher are compared inside: the ends of stages, found by where the resolution changes."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import torch
from torch import fx

from ...spaces.network.channels.flow import is_input
from ...spaces.network.trace import Shapes
from ...spaces.tensors.batch import Tensors
from ..statistics.sampling import has_weights

Resolution = tuple[int, ...]
"""The spatial axes of an activation: ``(height, width)`` of images."""


def stage_ends(net: fx.GraphModule, inputs: Tensors) -> dict[Resolution, str]:
    """The last activation before each change of resolution and before the head, by its resolution, in execution order.

    Of all nodes of one resolution that a node of another resolution, or the output, reads, it is the last one: behind
    the residual sums of a stage, before the strided convolution or the pooling that begins the next. Resolutions that
    no layer with weights works at (between the slices of a shortcut) are no stages. Pruning channels
    and dropping blocks leave resolutions as they are, so that one network's places are found again in another one made
    from it, whatever node stands there.

    Args:
        net: flat, as tracing gives it, or as compressors leave it.
        inputs: two samples or more, which it is run on, shape ``(n, …)``.

    Returns:
        Names of nodes of ``net``, whose values have the shape ``(n, channels, *resolution)``. Empty for a network
        without spatial axes.
    """
    shapes = Shapes(net)
    with torch.no_grad():
        shapes.run(inputs[:2])
    stages = {shapes.of[node.name][1:] for node in net.graph.nodes if has_weights(net, node)}
    found: dict[Resolution, str] = {}
    for node in net.graph.nodes:
        here = shapes.of.get(node.name, ())[1:]
        if prod(here) <= 1 or here not in stages or is_input(node) or node.op == "placeholder":
            continue
        if any(user.op == "output" or shapes.of.get(user.name, ())[1:] != here for user in node.users):
            found.pop(here, None)
            found[here] = node.name
    return found


def watched(net: fx.GraphModule, places: Sequence[str]) -> fx.GraphModule:
    """A network of the same modules that gives its outputs and, in a tuple, the values of the nodes so named.

    Parameters and buffers are those of ``net`` itself: to train the one is to train the other.
    """
    graph, copies = fx.Graph(), dict[fx.Node, fx.Node]()
    outputs = graph.graph_copy(net.graph, copies)
    by_name = {node.name: copy for node, copy in copies.items()}
    graph.output((outputs, tuple(by_name[name] for name in places)))
    return fx.GraphModule(net, graph)
