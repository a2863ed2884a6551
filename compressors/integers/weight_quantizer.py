"""How the float weight of a layer becomes integers, each time that it is asked for."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..latent import straight_through
from .codes import dequantize, largest, quantize_weight


class WeightQuantizer(nn.Module):
    """The integers of a weight that may be trained; see :func:`~.codes.quantize_weight`.

    Attributes:
        bits: 8, 4, 2 or 1.
        per_channel: whether each output channel has a scale of its own.
        full_range: False to keep 8-bit weights within 7 bits.
        least: scales to stay above, ``(out,)``, or None.
        offset: what is added to the nearest integers, int16 of the weight's shape, where rounding was decided for the
            layer's output rather than for each weight; or None.
    """

    least: Tensor | None
    offset: Tensor | None

    def __init__(
        self, bits: int, *, per_channel: bool = True, full_range: bool = True, least: Tensor | None = None
    ) -> None:
        super().__init__()
        self.bits = bits
        self.per_channel = per_channel
        self.full_range = full_range
        self.register_buffer("least", least)
        self.register_buffer("offset", None)

    @property
    def limit(self) -> int:
        """The largest integer, and the least without its sign."""
        return largest(self.bits, self.full_range)

    @torch.no_grad()
    def codes(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """int8 codes of the weight's shape, and a scale for each output channel, ``(out,)``."""
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

    def forward(self, weight: Tensor) -> Tensor:
        """The values that the integers stand for; their gradient goes to ``weight``, of the same shape."""
        return straight_through(weight, dequantize(*self.codes(weight)))
