"""Steps between integers that are trained, together with the weights and activations that are rounded to them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from .activations import rounded
from .codes import SMALLEST_SCALE, by_channel


def learned_weight(latent: Tensor, step: Tensor, codes: Tensor, limit: int, count: int) -> Tensor:
    """``codes`` times ``step``, exactly, with gradients to ``latent`` and to ``step``.

    Esser et al. 2020, "Learned Step Size Quantization", eqs. 3 to 5: ``latent`` gets the gradient where it lies within
    the integers; ``step`` gets, of each weight, code − latent / step there and the code itself outside, times
    1/√(N·Q), N being the weights that share the step and Q the largest integer. Of binary codes, which no step changes,
    it gets the code, as scales are trained in Zhu et al. 2017, "Trained Ternary Quantization", eq. 7.

    Deviation: a step for each output channel, where the paper has one for each layer.

    Args:
        latent: float weights, ``(out, …)``.
        step: above zero, ``(out,)``.
        codes: the integers, of the latents' shape.
        limit: the largest integer, and the least without its sign; 0 for binary codes.
        count: of the weights that share a step.
    """
    held: Tensor = _LearnedWeight.apply(latent, step, codes, limit, count)
    return held


def learned_activation(x: Tensor, step: Tensor, zero_point: int, lowest: int, highest: int) -> Tensor:
    """``x`` rounded to integers and back, in float32, with gradients to ``x`` and to ``step``.

    Esser et al. 2020, as above, N being the values of one sample. Deviation: integers count from a zero point, which is
    not trained.

    Args:
        x: activations, ``(n, …)``.
        step: above zero, ``()``.
        zero_point: the integer that stands for 0.
        lowest, highest: of the integers.
    """
    held: Tensor = _LearnedActivation.apply(x.float(), step, zero_point, lowest, highest)
    return held


def above_zero(step: Tensor) -> Tensor:
    """A trained step as it is used: an optimiser may take one across zero."""
    return step.abs().clamp_min(SMALLEST_SCALE)


class _LearnedWeight(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, latent: Tensor, step: Tensor, codes: Tensor, limit: int, count: int) -> Tensor:
        held = by_channel(step, codes)
        ctx.save_for_backward(latent, held, codes)
        ctx.limit, ctx.count = limit, count
        return codes.float() * held

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Tensor, Tensor, None, None, None]:
        latent, step, codes = ctx.saved_tensors
        gradient, ratio, limit = gradients[0], latent / step, ctx.limit
        inside = ratio.abs() <= max(1, limit)
        by_step = codes - ratio * inside if limit else codes
        part = (ctx.count * max(1, limit)) ** -0.5
        return gradient * inside, (gradient * by_step).flatten(1).sum(1) * part, None, None, None


class _LearnedActivation(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, step: Tensor, zero_point: int, lowest: int, highest: int) -> Tensor:
        held = rounded(x, step.item(), zero_point, lowest, highest)
        ctx.save_for_backward(x, step, held)
        ctx.bounds = lowest - zero_point, highest - zero_point
        return held

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Tensor, Tensor, None, None, None]:
        x, step, held = ctx.saved_tensors
        gradient, (low, high) = gradients[0], ctx.bounds
        inside = (x >= low * step) & (x <= high * step)
        passed = gradient * inside
        by_step = (torch.sum(gradient * held) - torch.sum(passed * x)) / step
        return passed, by_step * (x[0].numel() * max(-low, high)) ** -0.5, None, None, None
