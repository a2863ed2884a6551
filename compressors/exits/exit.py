"""The place where sure inputs leave a network: it chooses between an exit's outputs and those of all that follows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import onnx_ir as ir
import torch
from torch import Tensor, fx, nn

from ...spaces.network.branches import THRESHOLD
from ...spaces.network.emission import Builder, Emittable
from ..statistics.sampling import module_of

NEVER, ALWAYS = 2.0, -1.0
"""Thresholds beyond all probabilities, by which no input leaves, and every one."""


class Exit(Emittable):
    """The outputs of an exit where its confidence is high enough, else those of the rest of the network.

    In PyTorch both are computed, and each row is chosen by itself. In the file the rest runs only where some row of the
    batch needs it, and the rows are the same.

    Attributes:
        threshold: the least confidence with which an input leaves, a probability.
    """

    def __init__(self, threshold: float) -> None:
        super().__init__()
        self.threshold = threshold

    def forward(self, confidence: Tensor, outputs: Tensor, rest: Tensor) -> Tensor:
        """Of shapes ``(n, 1)``, ``(n, classes)`` and ``(n, classes)``."""
        return torch.where(confidence >= self.threshold, outputs, rest)

    def emit(self, builder: Builder, inputs: Sequence[ir.Value | None]) -> list[ir.Value]:
        confidence, outputs, rest = inputs
        threshold = builder.scalar(THRESHOLD, np.array(self.threshold, np.float32))
        (rows,) = builder.node("GreaterOrEqual", [confidence, threshold], suffix=".leaves")
        (least,) = builder.node("ReduceMin", [confidence], {"keepdims": 0}, suffix=".least")
        (all_rows,) = builder.node("GreaterOrEqual", [least, threshold], suffix=".all_leave")
        return builder.either(rows, all_rows, outputs, rest)


def exits_of(net: fx.GraphModule) -> list[fx.Node]:
    """The nodes of the exits of a network, in the order in which an input comes to them."""
    return [node for node in reversed(net.graph.nodes) if isinstance(module_of(net, node), Exit)]


def answers_of(net: fx.GraphModule) -> list[str]:
    """The nodes that give the outputs of each exit, and last those of the whole network; empty without exits."""
    exits = exits_of(net)
    nodes = [*(node.args[1] for node in exits), *(node.args[2] for node in exits[-1:])]
    return [node.name for node in nodes if isinstance(node, fx.Node)]


def only_at(index: int, exits: int) -> list[float]:
    """The thresholds by which every input leaves at one exit, or with their number as ``index`` at none."""
    return [ALWAYS if place == index else NEVER for place in range(exits)]


@contextmanager
def leaving_at(net: fx.GraphModule, index: int) -> Iterator[list[float]]:
    """Let every input leave at one exit inside, or with their number as ``index`` at none; gives these thresholds."""
    exits = [net.get_submodule(str(node.target)) for node in exits_of(net)]
    held = [one.threshold for one in exits if isinstance(one, Exit)]
    inside = only_at(index, len(held))
    _set(exits, inside)
    try:
        yield inside
    finally:
        _set(exits, held)


def _set(exits: Sequence[nn.Module], thresholds: Sequence[float]) -> None:
    for one, threshold in zip(exits, thresholds, strict=True):
        assert isinstance(one, Exit)
        one.threshold = threshold
