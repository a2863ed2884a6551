"""Depth without blocks: neighbouring layers become one, and a convolution takes over the stride of the pool behind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import prod
from typing import ClassVar

from torch import fx, nn

from ...spaces.knob import Choice, Knob
from ...spaces.network.channels.flow import labels_of
from ...spaces.network.channels.joined import join_layers
from ...spaces.network.graph import ModelGraph
from ...spaces.network.ops import Op
from ...spaces.network.rebuild import tidy
from ..base import Compressor
from ..context import Context
from ..options import CompressorOptions
from ..plan import Plan
from ..repaired import CompensatedOptions
from ..stage import Stage
from ..statistics.neighbours import layer_before, pools_behind
from ..statistics.sampling import aim
from .fuse import fuse, fused_size


class MergeOptions(CompensatedOptions):
    """Options of ``merge``."""


class Merge(Compressor):
    """Fewer layers. A boolean knob for each layer that can be one with the layer before, and for each pool.

    *Two layers in one.* Kim, El Halabi, Ji, Song 2024, "LayerMerge: Neural Network Depth Compression through Layer
    Pruning and Merging": the activation between two convolutions is dropped and their kernels are convolved, k₁ by k₂
    becoming (k₂ − 1) s₁ + k₁. Likewise linear layers. Without an activation between them this is exact, but for those
    places where the second convolution reads its own padding (see :func:`fuse`). Offered where the fused layer has no
    more weights and no more MACs than the two. Deviations: the search chooses, not dynamic programming over a table;
    nothing is trained, the fused layer is re-solved by least squares instead; whole convolutions are not pruned here
    (``drop_blocks`` does it); padding is not moved before the first layer; a layer that is called more than once stays
    a layer of its own, as its other calls read something else.

    *A pool in the stride.* Li, Wang, Kong 2018, "DeepRebirth: Accelerating Deep Neural Network Execution on Mobile
    Devices", streamline merging: the pool goes, and the stride of the convolution that it alone reads is multiplied
    by its own. Offered where height and width stay as they are, for windows that begin at the pixel that is kept or
    overlap before it (2 × 2 and 3 × 3 at stride 2, the latter padded by 1), never for a pool to a single pixel.
    Deviation: no training; least squares gives the convolution what the pool gave of its outputs.
    """

    name = "merge"
    stage = Stage.MERGE
    Options: ClassVar[type[CompressorOptions]] = MergeOptions
    options: MergeOptions

    def plan(self, graph: ModelGraph) -> Plan:
        joined, pooled = _joined(graph), _pooled(graph)

        def change(net: fx.GraphModule, choices: Mapping[str, Choice], context: Context) -> fx.GraphModule:
            nodes = {label: node for node, label in labels_of(net).items()}
            for target, source in joined.items():
                if choices.get(target) and target in nodes and source in nodes:
                    _join(net, nodes[source], nodes[target])
            for target, source in pooled.items():
                if choices.get(target) and target in nodes and source in nodes:
                    _absorb(net, nodes[source], nodes[target])
            tidy(net)
            return net

        about = {b: (a, b) for b, a in joined.items()} | {pool: (conv,) for pool, conv in pooled.items()}
        knobs = [
            Knob(self.name, target, (False, True), False, frozenset(layers), graph.by_name[layers[0]].position)
            for target, layers in about.items()
        ]
        removes = {b: frozenset({a}) for b, a in joined.items()}
        return Plan(self.name, self.stage, knobs, change, removes, repair=self.options.compensate)


def _joined(graph: ModelGraph) -> dict[str, str]:
    """For each layer that can be one with the layer before, that layer; in execution order, so that chains fuse."""
    once = _once(graph)
    before = {name: layer_before(graph, name) for name in once}
    return {b: a for b, a in before.items() if a in once and _saves(graph, a, b)}


def _pooled(graph: ModelGraph) -> dict[str, str]:
    """For each pool that can go, the convolution before it."""
    once = _once(graph)
    found = {pool: conv for conv, pool in pools_behind(graph).items() if conv in once}
    return {pool: conv for pool, conv in found.items() if _fits(graph, conv, pool)}


def _once(graph: ModelGraph) -> list[str]:
    """The layers that are called once."""
    return [layer.name for layer in graph.layers if layer.name not in graph.shared]


def _join(net: fx.GraphModule, first: fx.Node, second: fx.Node) -> None:
    layers = (net.get_submodule(str(node.target)) for node in (first, second))
    join_layers(net, first, second, fuse(*layers))


def _absorb(net: fx.GraphModule, node: fx.Node, pool: fx.Node) -> None:
    conv, pooling = net.get_submodule(str(node.target)), net.get_submodule(str(pool.target))
    assert isinstance(conv, nn.Conv1d | nn.Conv2d | nn.Conv3d)
    assert isinstance(pooling, Op)
    stride = tuple(s * t for s, t in zip(conv.stride, pooling.attributes["strides"], strict=True))
    conv.stride = stride
    aim(node, pool)
    pool.replace_all_uses_with(pool.all_input_nodes[0])


def _saves(graph: ModelGraph, first: str, second: str) -> bool:
    """Whether two layers can be fused, and have as many weights and MACs as one or more."""
    one, two = graph.by_name[first], graph.by_name[second]
    kernel = _fused_kernel(graph, first, second)
    if kernel is None:
        return False
    linear = one.kind == "linear"
    inputs, outputs = (one.in_shape[-1], two.out_shape[-1]) if linear else (one.in_shape[0], two.out_shape[0])
    weights = inputs * outputs * prod(kernel)
    places = prod(two.out_shape) // outputs
    return weights + outputs <= one.params + two.params and weights * places <= one.macs + two.macs


def _fused_kernel(graph: ModelGraph, first: str, second: str) -> tuple[int, ...] | None:
    """Kernel of two layers in one, ``()`` for linear ones; None for layers that :func:`fuse` does not take."""
    kinds = {graph.by_name[name].kind for name in (first, second)}
    one, two = graph.node[first].window, graph.node[second].window
    if kinds == {"linear"}:
        return ()
    if kinds != {"conv"} or one is None or two is None or len(one.kernel) != 2:
        return None
    if {*one.dilation, *two.dilation} != {1}:
        return None
    return tuple(fused_size(k, m, s) for k, m, s in zip(one.kernel, two.kernel, one.stride, strict=True))


def _fits(graph: ModelGraph, conv: str, pool: str) -> bool:
    """Whether a convolution with the pool's stride on top gives what the pool gives: as many pixels, at its windows."""
    own, window = graph.node[conv].window, graph.node[pool].window
    places = graph.node[pool].shape[1:]
    if own is None or window is None or max(window.stride) == 1 or max(window.dilation) > 1 or max(places) == 1:
        return False
    if any(b != k - s for b, k, s in zip(window.begin, window.kernel, window.stride, strict=True)):
        return False
    strided = replace(own, stride=tuple(s * t for s, t in zip(own.stride, window.stride, strict=True)))
    return strided.places(graph.by_name[conv].in_shape[1:]) == places
