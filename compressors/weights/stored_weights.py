"""Weights stored in fewer bytes: which layers it pays for, and how their values are changed, structure left alone."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, fx, nn

from ...spaces.network.channels.parts import layer_of
from ...spaces.network.graph import Layer, ModelGraph
from ...spaces.network.layers import WEIGHTED
from ...spaces.network.packing import mark_packed
from ..statistics.sampling import module_of

UNPACKING = 1300
"""Bytes that unpacking takes where one layer of a file is packed: 0.9 KB for the functions, some 0.35 KB for each layer
(measured: 1,233 for a bit mask, 888 for a table)."""
SMALLEST = 1024
"""Least weights of a layer, or of a part of it, that are worth it: half of them zero save 1,920 bytes, more than
:data:`UNPACKING`, so that the file shrinks even where no other layer is packed."""
IMAGES = 64
"""Calibration images that the repair of changed layers is taken from."""


def worthwhile(graph: ModelGraph) -> list[tuple[Layer, int]]:
    """The layers with at least :data:`SMALLEST` weights, and how many these are."""
    counted = [(layer, _weights(layer)) for layer in graph]
    return [(layer, count) for layer, count in counted if count >= SMALLEST]


def parts_of(net: fx.GraphModule, name: str) -> dict[fx.Node, Tensor]:
    """The weights of a layer, by the node that runs them first: one, none where it is gone, several for a chain.

    Parts with fewer than :data:`SMALLEST` weights are left out.
    """
    found: dict[str, tuple[fx.Node, Tensor]] = {}
    for node in net.graph.nodes:
        layer = module_of(net, node)
        if isinstance(layer, WEIGHTED) and layer_of(node) == name and layer.weight.numel() >= SMALLEST:
            found.setdefault(str(node.target), (node, layer.weight.detach()))
    return dict(found.values())


def store(net: fx.GraphModule, weights: Mapping[fx.Node, Tensor]) -> None:
    """Give the layers that nodes run other weights of the same shape, to be packed in the file, in place."""
    for node, weight in weights.items():
        layer = module_of(net, node)
        assert layer is not None
        layer.weight = nn.Parameter(weight)
        mark_packed(layer)


def _weights(layer: Layer) -> int:
    """Every layer of a traced network has a bias, which is not counted here."""
    return layer.params - (layer.out_shape[-1] if layer.kind == "linear" else layer.out_shape[0])
