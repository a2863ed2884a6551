"""How the float weight of a layer becomes integers, each time that it is asked for."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..latent import straight_through
from .codes import by_channel, codes_at, dequantize, largest, quantize_weight
from .learned_step import above_zero, learned_weight

WITHIN = 0.49
"""Of a step: as far from its integer a weight may be when its step begins to be trained."""


class WeightQuantizer(nn.Module):
    """The integers of a weight that may be trained; see :func:`~.codes.quantize_weight`.

    Attributes:
        bits: 8, 4, 3, 2 or 1.
        per_channel: whether each output channel has a scale of its own.
        full_range: False to keep 8-bit weights within 7 bits.
        least: scales to stay above, ``(out,)``, or None.
        offset: what is added to the nearest integers, int16 of the weight's shape, where rounding was decided for the
            layer's output rather than for each weight; or None.
        narrower: the bits that the file holds, while training has more of them; else None.
        step: the scales where they are trained, ``(out,)``, or ``(1,)`` where all channels share one; None where they
            follow the weights.
    """

    least: Tensor | None
    offset: Tensor | None
    narrower: int | None
    step: nn.Parameter | None

    def __init__(
        self, bits: int, *, per_channel: bool = True, full_range: bool = True, least: Tensor | None = None
    ) -> None:
        super().__init__()
        self.bits, self.narrower = bits, None
        self.per_channel = per_channel
        self.full_range = full_range
        self.register_buffer("least", least)
        self.register_buffer("offset", None)
        self.register_parameter("step", None)

    @property
    def limit(self) -> int:
        """The largest integer, and the least without its sign."""
        return largest(self.bits, self.full_range)

    @torch.no_grad()
    def codes(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """int8 codes of the weight's shape, and a scale for each output channel, ``(out,)``."""
        if self.step is not None:
            scale = above_zero(self.step).expand(len(weight)).contiguous()
            return codes_at(weight, scale, self.bits, self.limit), scale
        codes, scale = quantize_weight(
            weight, self.bits, per_channel=self.per_channel, full_range=self.full_range, least=self.least
        )
        if self.offset is not None:
            codes = (codes + self.offset).clamp(-self.limit, self.limit).to(torch.int8)
        return codes, scale

    def decide(self, weight: Tensor, codes: Tensor) -> None:
        """Have ``weight`` become ``codes`` (int8, of its shape), and what is trained stay as far from the nearest."""
        self.offset = None
        nearest, _ = self.codes(weight)
        self.offset = codes.to(torch.int16) - nearest

    @torch.no_grad()
    def learn(self, weight: Tensor) -> Tensor:
        """Have the scales be trained from where they are; returns the weight to go on with, of the same integers.

        Where rounding was not to the nearest (ternary thresholds, rounding for the layer's output), a weight is moved
        to where its integer is the nearest one.
        """
        codes, scale = self.codes(weight)
        self.offset, self.step = None, nn.Parameter(scale.clone() if self.per_channel else scale[:1].clone())
        if self.bits == 1:
            return weight
        step = by_channel(scale, weight)
        low = torch.where(codes == -self.limit, -torch.inf, codes - WITHIN) * step
        high = torch.where(codes == self.limit, torch.inf, codes + WITHIN) * step
        return torch.minimum(torch.maximum(weight, low), high)

    def widen(self, weight: Tensor) -> None:
        """Begin to train a binary weight as a ternary one, until :meth:`narrow`; others stay as they are."""
        if self.bits == 1:
            self._change_bits(2, weight)

    def narrow(self, weight: Tensor) -> None:
        """Go on with the bits that the file holds."""
        if self.narrower is not None:
            self._change_bits(self.narrower, weight)

    @torch.no_grad()
    def _change_bits(self, bits: int, weight: Tensor) -> None:
        """Have ``weight`` be held in other bits, with a step as calibration would set it."""
        assert self.step is not None
        self.bits, self.narrower = bits, self.bits if bits > self.bits else None
        _, scale = quantize_weight(weight, bits, per_channel=self.per_channel)
        self.step.copy_(scale[: len(self.step)])

    @torch.no_grad()
    def scale_channels(self, factor: Tensor) -> None:
        """Have each trained scale follow a weight of which the output channels are multiplied by ``factor``, (out,)."""
        assert self.step is not None
        self.step.mul_(factor.abs())

    @torch.no_grad()
    def stay_above(self, least: Tensor) -> None:
        """Raise trained scales to ``least``, ``(out,)``."""
        assert self.step is not None
        self.step.copy_(torch.maximum(above_zero(self.step), least if self.per_channel else least.max()))

    def forward(self, weight: Tensor) -> Tensor:
        """The values that the integers stand for; their gradient goes to ``weight``, of the same shape."""
        return self.held(weight)[0]

    def held(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """The same, and the scales that they have, ``(out,)``, without a gradient."""
        codes, scale = self.codes(weight)
        if self.step is None:
            return straight_through(weight, dequantize(codes, scale)), scale
        step, count = above_zero(self.step).expand(len(weight)), weight.numel() // self.step.numel()
        return learned_weight(weight, step, codes, 0 if self.bits == 1 else self.limit, count), scale
