"""Sparsity training: what is added to the loss so that channels become small, which pruning then removes.

A channel has no effect once the weights that write it are zero, or those that read it. The scale of a filter that a
norm follows says nothing, since the norm divides by it: there the norm's scale γ stands for the filter. It is folded
into the filter at the end of training, and so seen by the criteria of ``prune_channels``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, fx, nn

from ....spaces.errors import ConfigError
from ....spaces.network.graph import ChannelGroup
from ....spaces.network.layers import WEIGHTED, is_grouped
from ..normalisation import SUFFIX
from ..recipe import GROUP_LASSO, GROWING, SLIMMING

PUSHED = 0.5
"""The share of each group's channels that ``growing`` pushes towards zero."""

Squares = Callable[[], Tensor]
"""For every channel of a group, the sum of the squares of the weights that one layer has for it: ``(channels,)``."""


class Penalties:
    """The weighted sum of the penalties of one training.

    ``slimming``: λ Σ |γ| over the norms behind all layers that write a group. Liu et al. 2017, "Learning Efficient
    Convolutional Networks through Network Slimming", eq. 1. Deviation: the norms are those that recovery puts behind
    every convolution (:mod:`.normalisation`).

    ``group_lasso``: λ Σ √p ‖w‖₂ over the channels of all groups, w being the p weights that belong to a channel in the
    layers that write and read it. Yuan, Lin 2006, "Model selection and estimation in regression with grouped
    variables", eq. 2.1; the groups are those of Fang et al. 2023, "DepGraph". Deviation: γ stands for a filter that a
    norm follows.

    ``growing``: λ s/2 Σ ‖w‖₂² over those channels of each group of which ‖w‖₂ is least when training begins, half of
    them, s being the share of the steps that are done. Wang et al. 2021, "Neural Pruning via Growing Regularization",
    algorithm 1 (GReg-1). Deviation: it grows in every step, up to the last one.

    Groups that have lost channels, and layers that are gone or held in integers, are left out.

    Args:
        factors: λ by name.
        net: with its norms.
        groups: of the uncompressed network.

    Raises:
        ConfigError: for ``slimming`` of a network without norms, and where no channels of it can be pruned.
    """

    def __init__(self, factors: Mapping[str, float], net: fx.GraphModule, groups: Sequence[ChannelGroup]) -> None:
        if not groups:
            raise ConfigError("recover.penalties: the network has no channels that can be pruned")
        self._factors = dict(factors)
        self._groups = [found for group in groups if (found := coupled(net, group)) is not None]
        if SLIMMING in factors and self._groups and not any(group.scales for group in self._groups):
            raise ConfigError("recover.penalties: slimming is of norms behind convolutions, of which there are none")
        with torch.no_grad():
            self._pushed = [_least(group.squares()) for group in self._groups]

    def loss(self, share: float) -> Tensor:
        """The penalties once a ``share`` of the steps is done, a scalar."""
        parts: dict[str, Callable[[], Tensor]] = {
            SLIMMING: self._slimming,
            GROUP_LASSO: self._lasso,
            GROWING: lambda: share * self._grown(),
        }
        return _sum([factor * parts[name]() for name, factor in self._factors.items()])

    def _slimming(self) -> Tensor:
        return _sum([gamma[here].abs().sum() for group in self._groups for gamma, here in group.scales])

    def _lasso(self) -> Tensor:
        tiny = torch.finfo(torch.float32).tiny ** 0.5  # the root of zero has no gradient
        return _sum([(group.entries.sqrt() * (group.squares() + tiny).sqrt()).sum() for group in self._groups])

    def _grown(self) -> Tensor:
        pairs = zip(self._groups, self._pushed, strict=True)
        return _sum([group.squares()[channels].sum() for group, channels in pairs]) / 2


@dataclass(frozen=True)
class Coupled:
    """The weights that belong to a group's channels, in a network under training.

    Attributes:
        scales: γ of the norms behind the layers that write the channels, each with the indices that are theirs.
        squares_of: of every layer: of γ where a norm follows it and it writes, else of its weights.
        entries: how many weights belong to each channel, shape ``(channels,)``.
    """

    scales: tuple[tuple[nn.Parameter, Tensor], ...]
    squares_of: tuple[Squares, ...]
    entries: Tensor

    def squares(self) -> Tensor:
        """For every channel the sum of the squares of all its weights, shape ``(channels,)``."""
        return torch.stack([part() for part in self.squares_of]).sum(0)


def coupled(net: fx.GraphModule, group: ChannelGroup) -> Coupled | None:
    """The weights of a group in the layers that are left; None where there are none, or channels of it are gone."""
    norms, scales, squares, entries = _norms(net), [], [], torch.zeros(group.channels)
    modules = dict(net.named_modules())
    for part in group.slices:
        layer = modules.get(part.layer)
        if not isinstance(layer, WEIGHTED) or (part.side == "in" and is_grouped(layer)):
            continue  # the filters of a grouped convolution are counted where it writes
        weight, axis = layer.get_parameter("weight"), 0 if part.side == "out" else 1
        if int(part.locals.max()) >= weight.shape[axis]:
            return None
        here, roots = torch.as_tensor(part.locals), torch.as_tensor(part.roots)
        if part.side == "out" and part.layer in norms:
            weight = norms[part.layer]
            scales.append((weight, here))
        squares.append(_squares(weight, axis, here, roots, group.channels))
        entries.index_add_(0, roots, torch.full((len(roots),), weight.numel() / weight.shape[axis]))
    return Coupled(tuple(scales), tuple(squares), entries) if squares else None


def _norms(net: fx.GraphModule) -> dict[str, nn.Parameter]:
    """γ of the norms of recovery, by the layer that they stand behind."""
    return {
        str(node.all_input_nodes[0].target): net.get_submodule(str(node.target)).get_parameter("weight")
        for node in net.graph.nodes
        if node.op == "call_module" and str(node.target).endswith(SUFFIX)
    }


def _squares(weight: nn.Parameter, axis: int, here: Tensor, roots: Tensor, channels: int) -> Squares:
    others = [other for other in range(weight.dim()) if other != axis]

    def squares() -> Tensor:
        held = weight.square().sum(others) if others else weight.square()
        return torch.zeros(channels).index_add(0, roots, held[here])

    return squares


def _least(squares: Tensor) -> Tensor:
    """The channels with the least, :data:`PUSHED` of all."""
    return squares.argsort(stable=True)[: int(PUSHED * len(squares))]


def _sum(parts: Sequence[Tensor]) -> Tensor:
    return torch.stack(list(parts)).sum() if parts else torch.zeros(())
