"""Which values of the uncompressed network those of a compressed one are to equal, and in which of its channels."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx

from ...spaces.network.channels.flow import op_of
from ...spaces.network.layers import WEIGHTED, origin_of
from ...spaces.tensors.batch import Tensors
from ..statistics.sampling import module_of

THROUGH = frozenset(
    {
        *("Add", "Sub", "Mul", "Relu", "LeakyRelu", "PRelu", "Elu", "Clip", "Sigmoid", "HardSigmoid", "HardSwish"),
        *("Tanh", "Gelu", "Mish", "Softplus", "MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool"),
        *("BatchNormalization", "Identity", "Flatten"),
    }
)
"""Operators whose output channel c is made of channel c of the inputs; of ``Flatten`` where there is one pixel left."""


@dataclass(frozen=True, eq=False)
class Counterpart:
    """What of the uncompressed network's value of the same name a value is to equal.

    Attributes:
        axis: that channels were removed from; None where none were.
        kept: int64 indices, shape ``(channels,)``, of those that are left.
    """

    axis: int | None = None
    kept: Tensor | None = None

    def of(self, value: Tensor) -> Tensor:
        """The part of the uncompressed network's value that is left."""
        return value if self.axis is None or self.kept is None else value.index_select(self.axis, self.kept)


def counterpart_of(net: fx.GraphModule, node: fx.Node, shape: torch.Size, before: torch.Size) -> Counterpart | None:
    """What a value is to equal; None where its channels cannot be told to be some of the uncompressed ones.

    Args:
        net: compressed; its layers remember which of their channels they have kept.
        node: of it, of which the uncompressed network has one of the same name.
        shape: of the node's value.
        before: of the uncompressed network's.
    """
    if shape == before:
        return Counterpart()
    differing = [axis for axis, pair in enumerate(zip(shape, before, strict=False)) if pair[0] != pair[1]]
    if len(shape) != len(before) or len(differing) != 1:
        return None
    (axis,) = differing
    kept = _origin(net, node)
    if axis == 0 or kept is None or len(kept) != shape[axis] or int(kept.max()) >= before[axis]:
        return None
    return Counterpart(axis, kept)


def _origin(net: fx.GraphModule, node: fx.Node) -> Tensor | None:
    """The memory of the layer that a value's channels are those of."""
    layer = module_of(net, node)
    if isinstance(layer, WEIGHTED):
        return origin_of(layer) if "origin" in dict(layer.named_buffers(recurse=False)) else None
    if op_of(net, node) not in THROUGH:
        return None
    found = (_origin(net, source) for source in node.all_input_nodes)
    return next((kept for kept in found if kept is not None), None)


class Values(fx.Interpreter):
    """Runs a network step by step, no further than to what is asked for, and keeps what will be asked for.

    Args:
        net: of one placeholder.
        inputs: that it is run on.
        names: of the nodes whose values will be asked for, each once.
    """

    def __init__(self, net: fx.GraphModule, inputs: Tensors, names: Collection[str]) -> None:
        super().__init__(net)
        self._names, self._found = names, dict[str, Any]()
        self._nodes = iter(net.graph.nodes)
        self.args_iter = iter([inputs])

    def of(self, name: str) -> Any:
        """A node's value, computed without gradients, and forgotten here."""
        with torch.no_grad():
            while name not in self._found:
                node = next(self._nodes)
                self.env[node] = self.run_node(node)
                if node.name in self._names:
                    self._found[node.name] = self.env[node]
                for read in self.user_to_last_uses.get(node, []):
                    del self.env[read]
        return self._found.pop(name)


def shapes_of(net: fx.GraphModule, inputs: Tensors) -> dict[str, torch.Size]:
    """The shapes of all values that are one tensor of floating point numbers, by node name."""
    shapes = _Shapes(net)
    with torch.no_grad():
        shapes.run(inputs)
    return shapes.found


class _Shapes(fx.Interpreter):
    def __init__(self, net: fx.GraphModule) -> None:
        super().__init__(net)
        self.found: dict[str, torch.Size] = {}

    def run_node(self, n: fx.Node) -> Any:
        value = super().run_node(n)
        if isinstance(value, Tensor) and value.is_floating_point():
            self.found[n.name] = value.shape
        return value
