"""Heads that were trained once, on the uncompressed network, put behind places of compressed ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, fx

from ...spaces.errors import ParefrontError
from ...spaces.network.rebuild import twin


@dataclass(frozen=True, eq=False)
class TrainedHead:
    """The head of one exit in the uncompressed network.

    Attributes:
        net: that it is a part of.
        place: what it reads.
        outputs: the node of its outputs, ``(n, classes)``.
        shape: of what it reads, for one sample.
    """

    net: fx.GraphModule
    place: fx.Node
    outputs: fx.Node
    shape: tuple[int, ...]

    def behind(self, net: fx.GraphModule, place: fx.Node) -> fx.Node:
        """Put a copy behind ``place`` of another network, in place, with weights of its own; the node of its outputs.

        A copied layer counts as a part of the layer that it counts as a part of here.
        """
        copies, last = {self.place: place}, place
        for node in self._nodes():
            with net.graph.inserting_after(last):
                last = copies[node] = net.graph.node_copy(node, copies.__getitem__)
            net.add_submodule(str(node.target), twin(self.net.get_submodule(str(node.target))))
        return last

    def _nodes(self) -> list[fx.Node]:
        """All that the outputs need beside the place, in execution order."""
        needed, waiting = {self.place}, [self.outputs]
        while waiting:
            node = waiting.pop()
            if node not in needed:
                needed.add(node)
                waiting.extend(node.all_input_nodes)
        return [node for node in self.net.graph.nodes if node in needed and node is not self.place]


def set_trained(net: fx.GraphModule, weights: Mapping[str, Tensor]) -> None:
    """Give a network those of its weights that were trained, by their names, in place; the others stay.

    Raises:
        ParefrontError: where they are of another network.
    """
    held = dict(net.named_parameters())
    with torch.no_grad():
        for name, tensor in weights.items():
            if name not in held or held[name].shape != tensor.shape:
                raise ParefrontError(f"the weights that were trained before the search are of another network: {name}")
            held[name].copy_(tensor)
