"""Means and covariances of what a convolution reads, channel by channel: how much each of its weights weighs."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True, eq=False)
class Moments:
    """First and second moments of a layer's input patches.

    Attributes:
        mean: shape ``(in, taps)``.
        covariance: of the taps within each channel, shape ``(in, taps, taps)``; covariances between channels are left
            out, which keeps this cheap.
    """

    mean: Tensor
    covariance: Tensor

    @classmethod
    def of(cls, read: Tensor) -> Moments:
        """Of patches ``(n, taps, in)``, as ``sampling.patches`` gives them."""
        mean = read.mean(0)
        centred = (read - mean).permute(2, 1, 0)
        return cls(mean.T, centred @ centred.transpose(1, 2) / len(read))

    @classmethod
    def unknown(cls, conv: nn.Conv2d) -> Moments:
        """For a layer that the uncompressed network has no likeness of: all weights weigh the same."""
        taps = math.prod(conv.kernel_size)
        return cls(torch.zeros(conv.in_channels, taps), torch.eye(taps).expand(conv.in_channels, taps, taps))


def mean_output(weight: Tensor, moments: Moments) -> Tensor:
    """The mean of what a weight ``(out, in, taps)`` adds to each output, shape ``(out,)``."""
    return torch.einsum("oct,ct->o", weight, moments.mean)
