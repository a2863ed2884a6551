"""The blocks of an exit's head: what is left of the rest of the network without the blocks that keep the shape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import fx

from ...spaces.network.channels.parts import layer_of, part_of
from ...spaces.network.rebuild import twin
from ..repair.segments import Segment, segments_of
from ..statistics.sampling import has_weights

MOST = 0.75
"""A head that would take more than this share of the layers behind it has no blocks: it would save too little."""
Shapes = Mapping[str, tuple[int, ...]]


def bodies_of(net: fx.GraphModule, places: Sequence[fx.Node], shapes: Shapes, depth: int) -> list[list[Segment]]:
    """For each of ``places``, the segments of the rest of the network that its head copies, in execution order.

    These are the segments that change the shape of the activation (number of channels, resolution), without which no
    later one could read it, behind each of them ``depth`` - 1 of those that keep the shape, and the last segment with
    weights, which makes features that a linear layer can tell classes from. Segments without weights (activations) go
    with the one before them. None is copied where that would be more than :data:`MOST` of the layers.

    Args:
        net: without exits.
        places: ends of segments between activations of images.
        shapes: of what each node of ``net`` gives for one sample, by its name.
        depth: segments of each shape, that which leads to it included.
    """
    segments = segments_of(net, lambda node: len(shapes[node.name]) == 3)[:-1]
    while segments and not _layers(segments[-1:]) and _changes(segments[-1:], shapes):
        segments.pop()  # the pool before the network's own last layer
    starts = {segment.start: index for index, segment in enumerate(segments)}
    return [_kept(_units(segments[starts[place] :]), shapes, depth) if place in starts else [] for place in places]


def copy_behind(net: fx.GraphModule, place: fx.Node, body: Sequence[Segment], name: str) -> fx.Node:
    """Put a copy of ``body`` behind ``place``, in place, with weights of its own; returns the node of its value.

    A copied layer counts as a part of the layer that it is copied from, and takes the bits of that. Its own name begins
    with ``name``.
    """
    value = last = place
    for segment in body:
        copies = {segment.start: value}
        for node in segment.nodes:
            with net.graph.inserting_after(last):
                last = copies[node] = net.graph.node_copy(node, copies.__getitem__)
            if node.op == "call_module":
                last.target = f"{name}_{node.name}"
                net.add_submodule(last.target, twin(net.get_submodule(str(node.target))))
                part_of(last, layer_of(node))
        value = last
    return value


def _units(segments: Sequence[Segment]) -> list[list[Segment]]:
    """Each segment with weights, and those without that follow it."""
    units: list[list[Segment]] = []
    for segment in segments:
        if units and not _layers([segment]):
            units[-1].append(segment)
        else:
            units.append([segment])
    return units


def _kept(units: Sequence[list[Segment]], shapes: Shapes, depth: int) -> list[Segment]:
    kept, left = list[Segment](), 0
    for unit in units:
        left = depth if _changes(unit, shapes) else left - 1
        if left > 0 or unit is units[-1]:
            kept += unit
    every = [segment for unit in units for segment in unit]
    return kept if _layers(kept) <= MOST * _layers(every) else []


def _changes(segments: Sequence[Segment], shapes: Shapes) -> bool:
    return shapes[segments[0].start.name] != shapes[segments[-1].end.name]


def _layers(segments: Sequence[Segment]) -> int:
    """How many nodes have weights."""
    return sum(has_weights(segment.net, node) for segment in segments for node in segment.nodes)
