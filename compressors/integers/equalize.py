"""Cross-layer equalisation: neighbouring layers share their ranges, so that no channel is rounded coarsely."""

from __future__ import annotations

from collections.abc import Collection

import torch
from torch import Tensor, fx, nn

from ...spaces.network.channels.flow import op_of
from ...spaces.network.layers import WEIGHTED, is_grouped
from ..statistics.sampling import module_of

SWEEPS = 10
MOST = 100.0
"""Largest factor on a channel, and its inverse the smallest."""


def equalize(net: fx.GraphModule, layers: Collection[str]) -> None:
    """Rescale the channels between every two of ``layers`` (module names) with nothing or a ReLU between, in place.

    Nagel et al. 2019, "Data-Free Quantization", eq. 11: with r₁ and r₂ the largest absolute weights of a channel in
    the first and the second layer, the first is divided by s = √(r₁ r₂) / r₂ and the second multiplied by it. The
    network computes what it computed before.
    """
    called = [str(node.target) for node in net.graph.nodes if node.op == "call_module"]
    pairs = [pair for node in net.graph.nodes if (pair := _pair(net, node, layers, called)) is not None]
    with torch.no_grad():
        for _ in range(SWEEPS):
            for first, second in pairs:
                _share(first, second)


def _pair(
    net: fx.GraphModule, node: fx.Node, layers: Collection[str], called: list[str]
) -> tuple[nn.Module, nn.Module] | None:
    """The layer of a node and the one that alone reads it."""
    if node.target not in layers or called.count(str(node.target)) > 1 or len(node.users) != 1:
        return None
    reader = next(iter(node.users))
    if op_of(net, reader) == "Relu" and len(reader.users) == 1:
        reader = next(iter(reader.users))
    first, second = module_of(net, node), module_of(net, reader)
    if reader.target not in layers or called.count(str(reader.target)) > 1:
        return None
    if not isinstance(first, WEIGHTED) or not isinstance(second, WEIGHTED):
        return None
    if is_grouped(second) and second.get_parameter("weight").shape[1] > 1:
        return None
    return first, second


def _share(first: nn.Module, second: nn.Module) -> None:
    before, after = first.get_parameter("weight"), second.get_parameter("weight")
    depthwise = is_grouped(second)
    of_first = before.abs().flatten(1).amax(1)
    by_input = after if depthwise else after.transpose(0, 1)
    of_second = _per_input(by_input.abs().flatten(1).amax(1), len(of_first))
    both = (of_first > 0) & (of_second > 0)
    scale = torch.where(both, (of_first / of_second.clamp_min(1e-30)).sqrt(), torch.ones_like(of_first))
    scale = scale.clamp(1 / MOST, MOST)
    before.data = before / scale.view(-1, *[1] * (before.dim() - 1))
    first.get_parameter("bias").data = first.get_parameter("bias") / scale
    each = scale.repeat_interleave(len(after) // len(scale)) if depthwise else scale
    shape = [1] * after.dim()
    shape[0 if depthwise else 1] = -1
    after.data = after * each.view(shape)


def _per_input(ranges: Tensor, channels: int) -> Tensor:
    """The largest range of the outputs that a depthwise layer makes of each input channel."""
    return ranges.view(channels, -1).amax(1)
