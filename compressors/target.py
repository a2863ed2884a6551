"""What a compressor must know of the device."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Target:
    """Hints about the device that artefacts are for; the defaults are those of a modern x86.

    Attributes:
        vector_width: channels that one vector of float32 holds, and to whose multiples the runtime pads its layout.
        signed_activations: whether int8 kernels want signed activations (ARM) or unsigned ones (x86).
        full_range_weights: False where 8-bit products saturate (x86 before VNNI), so that weights must stay in 7 bits.
    """

    vector_width: int = 16
    signed_activations: bool = False
    full_range_weights: bool = True


def step_of(round_to: int | str, target: Target, channels: int, least: int) -> int:
    """The multiple that channels are kept to; "auto" is halved until ``channels`` hold at least ``least`` of it."""
    if isinstance(round_to, int):
        return round_to
    step = target.vector_width
    while step > 1 and channels < least * step:
        step //= 2
    return step
