"""Two linear maps in a row as one layer: kernels convolved, matrices multiplied, biases composed."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from ...spaces.network.layers import PaddedConv2d, onnx_pads

_UNFILLED = "meta"
"""Where a layer is made without drawing random weights for it."""


def fused_size(first: int, second: int, stride: int) -> int:
    """Kernel size of two convolutions in one along one axis: (k₂ − 1) s₁ + k₁."""
    return (second - 1) * stride + first


def fuse(first: nn.Module, second: nn.Module) -> nn.Module:
    """One layer for ``second(first(x))``: of two linear layers, or of two 2-D convolutions, ungrouped and undilated.

    The output's height and width are those of the two for every image. Values are equal wherever ``second`` reads no
    padding: what it pads with zeros is, for the fused layer, what ``first`` would have given there.
    """
    one, two = (layer.get_parameter("weight").detach().double() for layer in (first, second))
    inner, outer = (layer.get_parameter("bias").detach().double() for layer in (first, second))
    bias = (two.flatten(2).sum(2) if two.dim() > 2 else two) @ inner + outer
    if isinstance(first, nn.Linear):
        assert isinstance(second, nn.Linear)
        linear = type(second)(first.in_features, second.out_features, device=_UNFILLED)
        return _filled(linear, two @ one, bias)
    assert isinstance(first, nn.Conv2d)
    assert isinstance(second, nn.Conv2d)
    weight = F.conv_transpose2d(two, one, stride=first.stride)
    stride = tuple(s * t for s, t in zip(first.stride, second.stride, strict=True))
    pads = [p + s * q for p, s, q in zip(onnx_pads(first), first.stride * 2, onnx_pads(second), strict=True)]
    (top, left, bottom, right), kernel = pads, tuple(weight.shape[2:])
    even = (top, left) == (bottom, right)
    conv = (nn.Conv2d if even else PaddedConv2d)(
        first.in_channels, second.out_channels, kernel,  # type: ignore[arg-type]
        stride=stride, padding=(top, left) if even else 0, device=_UNFILLED,  # type: ignore[arg-type]
    )  # fmt: skip
    if isinstance(conv, PaddedConv2d):
        conv.pads = (left, right, top, bottom)
    return _filled(conv, weight, bias)


def _filled(layer: nn.Module, weight: Tensor, bias: Tensor) -> nn.Module:
    layer.weight, layer.bias = nn.Parameter(weight.float()), nn.Parameter(bias.float())
    return layer
