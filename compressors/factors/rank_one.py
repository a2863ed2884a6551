"""A k × k convolution as a depthwise and a pointwise one: each channel's slice of the weight by its best rank one."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ...spaces.network.layers import conv_like
from ..statistics.moments import Moments, mean_output

RIDGE = 1e-2
"""Variance that every tap is given on top of its own, relative to the mean: it bounds the weights of dead channels."""


def depthwise_separable(conv: nn.Conv2d, moments: Moments) -> list[nn.Module]:
    """A depthwise convolution (stride, dilation and padding of ``conv``, no bias) and the 1 × 1 one behind it.

    Guo, Li, Lin, Chen, Li 2018, "Network Decoupling: From Regular to Depthwise Separable Convolutions", section 3.3:
    of each input channel c the slice ``W[:, c]``, shape ``(out, taps)``, is approximated by ``u_c v_cᵀ``; one term.
    Deviations: the error is that of the *outputs*, ``tr((W_c − u vᵀ) C_c (W_c − u vᵀ)ᵀ)`` with C_c the covariance of
    the channel's taps, so the decomposition is one of ``W_c C_c^½``; v is scaled so that each channel of the depthwise
    part has variance one, which an int8 range over all of them wants; and the mean of the error goes into the bias.
    """
    weight = conv.weight.detach().flatten(2).double()
    covariance = moments.covariance.double()
    ridge = RIDGE * covariance.diagonal(dim1=1, dim2=2).mean() + 1e-8
    values, vectors = torch.linalg.eigh(covariance + ridge * torch.eye(covariance.shape[1]))
    root = vectors * values.sqrt().unsqueeze(1) @ vectors.mT
    inverse = vectors / values.sqrt().unsqueeze(1) @ vectors.mT
    slices = weight.transpose(0, 1) @ root
    right = torch.linalg.eigh(slices.mT @ slices)[1][:, :, -1:]
    pointwise, taps = (slices @ right).squeeze(2).T, (inverse @ right).squeeze(2)
    error = weight - pointwise.unsqueeze(2) * taps
    assert conv.bias is not None
    bias = conv.bias.detach() + mean_output(error.float(), moments)
    return [
        conv_like(conv, taps.float().view(-1, 1, *conv.kernel_size), torch.zeros(len(taps)), groups=len(taps)),
        _pointwise(pointwise.float(), bias),
    ]


def _pointwise(weight: Tensor, bias: Tensor) -> nn.Conv2d:
    made = nn.Conv2d(weight.shape[1], weight.shape[0], 1)
    made.weight, made.bias = nn.Parameter(weight[:, :, None, None].contiguous()), nn.Parameter(bias)
    return made
