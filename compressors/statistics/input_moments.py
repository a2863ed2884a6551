"""Means and covariances of what layers read, of the uncompressed network on calibration data."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import torch
from torch import Tensor, fx, nn

from ...spaces.network.hooks import watching
from ...spaces.tensors.batch import Tensors
from .sampling import is_dense
from .spectrum import Spectrum, moments_of

ROWS = 8192
"""Most places of a layer's input that are looked at."""


@dataclass(frozen=True, eq=False)
class InputMoments:
    """Of a layer's input channels: ``mean`` ``(in,)`` and ``spectrum``, that of their covariance ``(in, in)``."""

    mean: Tensor
    spectrum: Spectrum

    @property
    def covariance(self) -> Tensor:
        return self.spectrum.matrix

    def of(self, channels: Tensor) -> InputMoments:
        """Those of some channels only (int64 indices)."""
        return InputMoments(self.mean[channels], self.spectrum.of(channels))


def input_moments(net: fx.GraphModule, inputs: Tensors) -> dict[str, InputMoments]:
    """By name of each dense layer; where a layer is called more than once, over all that its calls read."""
    found: dict[str, InputMoments] = {}
    read: dict[str, list[Tensor]] = {}

    def watch(name: str, module: nn.Module, source: Tensor) -> None:
        rows = source.movedim(1, -1) if isinstance(module, nn.Conv2d) else source
        rows = rows.reshape(-1, rows.shape[-1])
        seen = read.setdefault(name, [])
        seen.append(rows[:: max(1, len(rows) // ROWS)])
        if len(seen) == calls[name]:
            mean, covariance = moments_of(torch.cat(read.pop(name)) if len(seen) > 1 else seen[0])
            found[name] = InputMoments(mean, Spectrum(covariance))

    calls = Counter(str(node.target) for node in net.graph.nodes if node.op == "call_module")
    with watching(
        module.register_forward_pre_hook(lambda m, given, name=name: watch(name, m, given[0]))
        for name, module in net.named_modules()
        if is_dense(module)
    ):
        net(inputs)
    return found
