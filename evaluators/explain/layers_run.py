"""Which layer of an ONNX model an operator that ran belongs to, though the runtime has fused and renamed it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import onnx_ir as ir

from ...spaces.network.branches import flatten
from ..device.operator import Operator

WEIGHTED = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul", "ConvInteger", "MatMulInteger", "MatMulNBits"})
_FUSED = {"FusedConv", "NhwcFusedConv", "FusedGemm", "FusedMatMul", "MatMulIntegerToFloat", "DynamicQuantizeMatMul"}
RUN_WEIGHTED = WEIGHTED | _FUSED | {"QLinearConv", "QLinearMatMul", "QGemm"}
"""As the runtime calls them once it has fused what surrounds them."""
_DECORATIONS = (re.compile(r"^fused "), re.compile(r"_nchwc$"), re.compile(r"_token_\d+$"), re.compile(r":out$"))


@dataclass(frozen=True, slots=True)
class WeightedLayer:
    """A convolution or a linear layer of the model, as its node says.

    Attributes:
        name: of its node.
        weight: shape of the weight, ``(out, in / groups, height, width)`` or of two axes; empty where it is unknown.
        groups: of a convolution.
        transposed: whether it is a transposed convolution, whose weights meet every place of the input once.
    """

    name: str
    weight: tuple[int, ...]
    groups: int
    transposed: bool = False

    @property
    def channels(self) -> tuple[int, int]:
        """Input and output channels of a convolution; zeros where the weight's shape is unknown."""
        if len(self.weight) < 3:
            return 0, 0
        return self.weight[1] * self.groups, self.weight[0]

    @property
    def form(self) -> str:
        """What layers have in common that take about the same time for a MAC."""
        if len(self.weight) < 3:
            return "linear"
        kernel = "×".join(str(size) for size in self.weight[2:])
        return f"{kernel} grouped" if self.groups > 1 else kernel

    def macs(self, operator: Operator) -> int:
        """Multiply–accumulates of the operator that runs it, by what that gives out; 0 where it cannot be told."""
        if not self.weight or not operator.outputs:
            return 0
        if self.transposed:
            read = operator.inputs[0].shape if operator.inputs else ()
            return math.prod(read) // max(1, self.channels[0]) * math.prod(self.weight)
        places = math.prod(operator.outputs[0].shape) // max(1, self._outputs(operator))
        return places * math.prod(self.weight)

    def _outputs(self, operator: Operator) -> int:
        if len(self.weight) >= 3:
            return self.weight[0]
        last = operator.outputs[0].shape[-1] if operator.outputs[0].shape else 1
        return last if last in self.weight else math.prod(operator.outputs[0].shape)


class LayersRun:
    """The weighted layers of a model, and whose each operator is that ran.

    Attributes:
        layers: by name, in execution order.
        inputs: names of the model's inputs.
    """

    def __init__(self, model: Path) -> None:
        self._nodes: dict[str, ir.Node] = {}
        self._producers: dict[str, ir.Node] = {}
        self.layers: dict[str, WeightedLayer] = {}
        self._constant: set[int] = set()
        graph = ir.load(model).graph
        flatten(graph)
        self.inputs = [str(value.name) for value in graph.inputs if not value.is_initializer()]
        for node in graph:
            self._nodes.setdefault(node.name or "", node)
            for value in node.outputs:
                self._producers[value.name or ""] = node
            if all(value is None or value.is_initializer() or self._is_constant(value) for value in node.inputs):
                self._constant.add(id(node))
            if node.op_type in WEIGHTED:
                layer = _layer(node)
                self.layers[layer.name] = layer

    def owner(self, operator: Operator) -> WeightedLayer | None:
        """The layer that a weighted operator computes, an activation or addition fused into it included."""
        if operator.kind not in RUN_WEIGHTED:
            return None
        for text in _undecorated(operator.name):
            node = self._nodes.get(text) or self._producers.get(text)
            if node is not None and (weighted := self._weighted_before(node)) is not None:
                return self.layers[weighted.name or str(weighted.outputs[0].name)]
        return next((layer for layer in self.layers.values() if f"{layer.name}.weight" in operator.reads), None)

    def _weighted_before(self, node: ir.Node) -> ir.Node | None:
        """The nearest weighted node, going back along the first inputs that are computed from the model's."""
        seen: set[int] = set()
        current: ir.Node | None = node
        while current is not None and id(current) not in seen:
            if current.op_type in WEIGHTED:
                return current
            seen.add(id(current))
            producers = (value.producer() for value in current.inputs if value is not None)
            current = next((p for p in producers if p is not None and id(p) not in self._constant), None)
        return None

    def _is_constant(self, value: ir.Value) -> bool:
        """Whether it is computed from weights alone; nodes before are known, as a graph is sorted."""
        producer = value.producer()
        return producer is not None and id(producer) in self._constant


def _undecorated(name: str) -> Iterator[str]:
    """The name, and what is left of it as the runtime's prefixes and suffixes are taken off one by one."""
    yield name
    for pattern in _DECORATIONS:
        shorter = pattern.sub("", name)
        if shorter != name:
            yield (name := shorter)


def _layer(node: ir.Node) -> WeightedLayer:
    shape, groups, transposed = _weight_shape(node), _groups(node), node.op_type == "ConvTranspose"
    if transposed and len(shape) > 2:  # (in, out / groups, …) there
        shape = (shape[1] * groups, shape[0] // groups, *shape[2:])
    return WeightedLayer(node.name or str(node.outputs[0].name), shape, groups, transposed)


def _weight_shape(node: ir.Node) -> tuple[int, ...]:
    value = node.inputs[1] if len(node.inputs) > 1 else None
    while value is not None:
        if value.shape is not None and len(value.shape) > 1:
            return tuple(int(size) for size in value.shape if isinstance(size, int))
        producer = value.producer()
        value = producer.inputs[0] if producer is not None and producer.inputs else None
    return ()


def _groups(node: ir.Node) -> int:
    attribute = node.attributes.get("group")
    return int(attribute.as_int()) if attribute is not None else 1
