"""Cutting layers down to some of their channels."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import numpy as np
import torch
from torch import Tensor, nn

from ..graph import ChannelGroup
from ..layers import is_grouped, keep_inputs, keep_outputs


def cut(net: nn.Module, kept: Iterable[tuple[ChannelGroup, Collection[int]]]) -> None:
    """Cut every layer of each group down to the channels of the group that are to be kept, in place.

    All groups at once: a layer behind a concatenation reads several, whose channels are counted in the uncut layer.
    """
    remains: dict[tuple[str, str], np.ndarray] = {}
    for group, keep in kept:
        gone = ~np.isin(np.arange(group.channels), list(keep))
        for part in group.slices:
            width = layer_width(net.get_submodule(part.layer), part.side)
            left = remains.setdefault((part.layer, part.side), np.ones(width, bool))
            left[part.locals[gone[part.roots]]] = False
    for (name, side), left in remains.items():
        cut_layer(net.get_submodule(name), side, torch.from_numpy(np.flatnonzero(left)))


def cut_layer(layer: nn.Module, side: str, keep: Tensor) -> None:
    """Cut one side of a layer; grouped convolutions lose whole groups, so both of their sides are cut alike."""
    if is_grouped(layer):
        assert isinstance(layer, nn.Conv1d | nn.Conv2d | nn.Conv3d)
        if side == "out":
            keep_outputs(layer, keep)
        else:
            per_group = layer.in_channels // layer.groups
            layer.groups = len(keep) // per_group
            layer.in_channels = len(keep)
        return
    if side == "out":
        keep_outputs(layer, keep)
    else:
        keep_inputs(layer, keep)


def layer_channels(layer: nn.Module) -> int:
    """Output channels of a layer with weights, of a norm too."""
    return int(layer.get_parameter("weight").shape[0])


def layer_width(layer: nn.Module, side: str) -> int:
    """Channels on one side of a layer, ``"in"`` or ``"out"``."""
    if side == "out":
        return layer_channels(layer)
    if is_grouped(layer):
        return int(layer.in_channels)  # type: ignore[arg-type]
    return int(layer.get_parameter("weight").shape[1])
