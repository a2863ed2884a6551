"""Means and covariances of what layers read, of the uncompressed network on calibration data."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, fx, nn

from ..spaces import watching
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


def input_moments(net: fx.GraphModule, inputs: Tensor) -> dict[str, InputMoments]:
    """By name of each dense layer; where a layer is called more than once, of the last call."""
    found: dict[str, InputMoments] = {}

    def watch(name: str, module: nn.Module, source: Tensor) -> None:
        rows = source.movedim(1, -1) if isinstance(module, nn.Conv2d) else source
        rows = rows.reshape(-1, rows.shape[-1])
        rows = rows[:: max(1, len(rows) // ROWS)]
        mean, covariance = moments_of(rows)
        found[name] = InputMoments(mean, Spectrum(covariance))

    with watching(
        module.register_forward_pre_hook(lambda m, given, name=name: watch(name, m, given[0]))
        for name, module in net.named_modules()
        if is_dense(module)
    ):
        net(inputs)
    return found
