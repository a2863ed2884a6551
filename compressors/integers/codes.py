"""Weights as integers: 8, 4, 3, 2 (ternary) and 1 bit (binary), with a scale for each output channel."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

SMALLEST_SCALE = 1e-12
"""Where all of a channel's weights are zero, too."""
TERNARY_THRESHOLD = 0.7


def symmetric(weight: Tensor, limit: int = 127) -> tuple[Tensor, Tensor]:
    """Integers from −``limit`` to ``limit``; the scale is the row's largest absolute weight over ``limit``."""
    scale = (weight.abs().amax(1) / limit).clamp_min(SMALLEST_SCALE)
    return torch.clamp(torch.round(weight / scale.unsqueeze(1)), -limit, limit), scale


def ternary(weight: Tensor) -> tuple[Tensor, Tensor]:
    """−1, 0 and 1. Li, Zhang, Liu 2016, "Ternary Weight Networks", eqs. 5 and 6.

    What is above Δ = 0.7 · mean|w| counts, and the scale is the mean absolute value of that.
    """
    size = weight.abs()
    above = size > TERNARY_THRESHOLD * size.mean(1, keepdim=True)
    scale = (size * above).sum(1) / above.sum(1).clamp_min(1)
    return torch.sign(weight) * above, scale.clamp_min(SMALLEST_SCALE)


def binary(weight: Tensor) -> tuple[Tensor, Tensor]:
    """−1 and 1, the scale is mean|w|. Rastegari et al. 2016, "XNOR-Net", eq. 6; zero counts as positive."""
    return torch.where(weight < 0, -1.0, 1.0), weight.abs().mean(1).clamp_min(SMALLEST_SCALE)


CODES: dict[int, Callable[[Tensor], tuple[Tensor, Tensor]]] = {
    8: symmetric,
    4: lambda weight: symmetric(weight, 7),
    3: lambda weight: symmetric(weight, 3),
    2: ternary,
    1: binary,
}
"""By bits: rows of weights ``(rows, n)`` → integers as floats of that shape, and a scale for each row."""
LARGEST = {8: 127, 4: 7, 3: 3, 2: 1, 1: 1}


def largest(bits: int, full_range: bool = True) -> int:
    """The largest integer of so many bits, and the least without its sign; 8 bits may have to keep within 7."""
    return LARGEST[bits] if full_range or bits < 8 else 63


def quantize_weight(
    weight: Tensor,
    bits: int = 8,
    *,
    per_channel: bool = True,
    full_range: bool = True,
    least: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """int8 codes of the weight's shape and a scale for each output channel (axis 0), ``(out,)``.

    Args:
        bits: 8, 4, 3, 2 or 1.
        per_channel: whether each channel has a scale of its own; otherwise all share one.
        full_range: False to keep 8-bit weights within 7 bits, for devices whose products saturate.
        least: scales to stay above, shape ``(out,)``: where a channel's weights are next to nothing, as a batch norm
            with γ ≈ 0 leaves them, a smaller scale could not hold its bias.
    """
    rows = weight.detach().flatten(1) if per_channel else weight.detach().reshape(1, -1)
    limit = largest(bits, full_range)
    codes, scale = symmetric(rows, limit) if bits == 8 else CODES[bits](rows)
    if least is not None and bool((least > scale).any()):
        scale = torch.maximum(scale, least if per_channel else least.max())
        if bits > 2:
            codes = torch.clamp(torch.round(rows / scale.unsqueeze(1)), -limit, limit)
    return codes.view(weight.shape).to(torch.int8), scale.expand(len(weight)).contiguous()


def codes_at(weight: Tensor, scale: Tensor, bits: int, limit: int) -> Tensor:
    """int8 codes of the weight's shape, the scales ``(out,)`` being given: the nearest, or the sign of 1 bit."""
    if bits == 1:
        return torch.where(weight < 0, -1, 1).to(torch.int8)
    return torch.clamp(torch.round(weight / by_channel(scale, weight)), -limit, limit).to(torch.int8)


def dequantize(codes: Tensor, scale: Tensor) -> Tensor:
    """The values that integer weights stand for."""
    return codes.float() * by_channel(scale, codes)


def by_channel(scale: Tensor, weight: Tensor) -> Tensor:
    """What there is one of for each output channel, ``(out,)``, in a shape that broadcasts with the weight's."""
    return scale.view(-1, *[1] * (weight.dim() - 1))
