"""Operators through which channels cannot be followed: the search for coupled channels stops at each, and says so."""

from __future__ import annotations

from typing import Any

import torch
import torch_pruning as tp
from torch import Tensor, fx, nn
from torch.autograd.function import once_differentiable

from .ops import TORCH, Op

OPAQUE = frozenset({"ConvTranspose", "DepthToSpace", "GroupNormalization", "InstanceNormalization"})
"""Operators with a gradient that take each channel to be what it is among all."""
ARRANGING = frozenset({"Gather", "Reshape", "Slice", "Squeeze", "Transpose", "Unsqueeze"})
"""Operators that move axes; torch-pruning follows many of them, and fails on some networks that have them."""


class Barrier(nn.Module):
    """An operator as one that reads channels and writes others, as a dense layer does.

    Attributes:
        op: the operator.
        channels: of the input that was seen last, and of the output.
    """

    def __init__(self, op: Op) -> None:
        super().__init__()
        self.op = op
        self.channels = (0, 0)

    def forward(self, *inputs: Tensor) -> Any:
        floats = [tensor for tensor in inputs if tensor.is_floating_point()]
        with torch.no_grad():
            result = self.op(*inputs)
        results = result if isinstance(result, tuple) else (result,)
        if not floats or not all(tensor.is_floating_point() for tensor in results):
            return result
        self.channels = (_width(floats[0]), _width(results[0]))
        cut = _Cut.apply(len(results), *results, *floats)
        return cut if isinstance(result, tuple) else cut[0]


class _Cut(torch.autograd.Function):
    """Gives what was computed elsewhere, as a function of the inputs: one step of the graph of gradients."""

    @staticmethod
    def forward(ctx: Any, count: int, *tensors: Tensor) -> tuple[Tensor, ...]:
        return tuple(tensor.clone() for tensor in tensors[:count])

    @staticmethod
    @once_differentiable  # type: ignore[misc]
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        raise NotImplementedError("only the graph of gradients is read")


class BarrierPruner(tp.BasePruningFunc):  # type: ignore[misc]
    """Tells torch-pruning that the inputs and the outputs of a barrier are not coupled."""

    def prune_out_channels(self, layer: nn.Module, idxs: list[int]) -> nn.Module:
        return layer

    def prune_in_channels(self, layer: nn.Module, idxs: list[int]) -> nn.Module:
        return layer

    def get_out_channels(self, layer: Barrier) -> int:
        return layer.channels[1]

    def get_in_channels(self, layer: Barrier) -> int:
        return layer.channels[0]


def with_barriers(net: fx.GraphModule, kinds: frozenset[str]) -> fx.GraphModule:
    """``net`` with a barrier in the place of each operator without a gradient and each of ``kinds``; layers shared."""
    modules = dict(net.named_modules())
    held = {name: module for name, module in modules.items() if name and not any(True for _ in module.children())}
    for name, module in held.items():
        if isinstance(module, Op) and (module.op_type in kinds or module.op_type not in TORCH):
            held[name] = Barrier(module)
    return fx.GraphModule(held, net.graph, "Net").eval()


def _width(tensor: Tensor) -> int:
    return tensor.shape[1] if tensor.dim() > 1 else 1
