"""Where inputs may leave a network: behind layers where one activation holds all that is known of the input."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import accumulate

from torch import fx

from ...spaces.network.channels.parts import layer_of
from ...spaces.network.graph import ModelGraph
from ..repair.segments import segments_of


def places_of(graph: ModelGraph, count: int) -> list[str]:
    """The layers behind which there may be exits, in execution order: at even shares of the MACs, as far as there are.

    Exits are behind activations of images, where no other value is alive, and before a layer or the next block.

    Args:
        graph: of the uncompressed network.
        count: how many exits.
    """
    shares = dict(zip((layer.name for layer in graph), accumulate(layer.macs for layer in graph), strict=True))
    found = {layer: shares[layer] / graph.macs for layer in _possible(graph)}
    wanted = [(index + 1) / (count + 1) for index in range(count)]
    return [
        layer
        for layer in found
        if any(min(found, key=lambda other: abs(found[other] - share)) == layer for share in wanted)
    ]


def _possible(graph: ModelGraph) -> list[str]:
    """The layer before each possible exit, in execution order; none of the last layer."""
    alive, last, found = dict[str, int](), "", dict[str, None]()
    for node in graph.nodes:
        for source in set(node.inputs):
            alive[source] -= 1
            if not alive[source]:
                del alive[source]
        last = node.layer or last
        readers = graph.readers[node.name]
        if not readers:
            continue
        alive[node.name] = len(readers)
        starts = len(readers) > 1 or bool(graph.node[readers[0]].layer)
        if last and starts and len(alive) == 1 and len(node.shape) == 3:
            found[last] = None
    return [layer for layer in found if layer != graph.layers[-1].name]


def place_behind(
    net: fx.GraphModule, layer: str, positions: Mapping[str, int], shapes: Mapping[str, tuple[int, ...]]
) -> fx.Node | None:
    """The last activation of images in a compressed network that alone is alive before what is behind ``layer`` runs.

    Where the layer was dropped, it is behind what was before it; None where nothing is left before it.

    Args:
        net: with any of the layers of the uncompressed network, or parts of them.
        layer: one that :func:`places_of` gave.
        positions: of all layers, in execution order.
        shapes: of what the nodes of ``net`` give for one sample, by their names.
    """
    found = None
    for segment in segments_of(net, lambda node: len(shapes[node.name]) == 3)[:-1]:
        ran = [positions[name] for node in segment.nodes if (name := layer_of(node)) in positions]
        if ran and max(ran) > positions[layer]:
            break
        found = segment.end if ran or found is not None else None
    return found
