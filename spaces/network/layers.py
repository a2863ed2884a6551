"""The layers with weights that a rebuilt network is made of, beyond torch's own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

WEIGHTED = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)
"""Module types that hold the weights to compress."""


class PaddedConv2d(nn.Conv2d):
    """A convolution with asymmetric zero padding, as TensorFlow's "SAME" gives it.

    Attributes:
        pads: left, right, top, bottom in pixels (torch's order).
    """

    pads: tuple[int, int, int, int] = (0, 0, 0, 0)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(F.pad(x, self.pads))


class ChannelNorm(nn.BatchNorm2d):
    """A batch norm over inputs of any number of axes: flat features, sequences, images, volumes."""

    def _check_input_dim(self, input: Tensor) -> None:
        return


class SequenceLinear(nn.Linear):
    """A linear layer over the last axis of an input of three or more axes; ONNX writes it as MatMul and Add."""


def onnx_pads(conv: nn.Module) -> list[int]:
    """A convolution's padding in ONNX's order: all begins, then all ends."""
    if isinstance(conv, PaddedConv2d):
        left, right, top, bottom = conv.pads
        return [top, left, bottom, right]
    padding = conv.padding
    assert isinstance(padding, tuple)
    return [int(p) for p in (*padding, *padding)]


def conv_like(conv: nn.Conv2d, weight: Tensor, bias: Tensor, groups: int = 1, axes: str = "hw") -> nn.Conv2d:
    """A convolution with the stride, dilation and padding of ``conv``, and weights of its own.

    Args:
        weight: shape ``(out, in / groups, height, width)``.
        bias: shape ``(out,)``.
        axes: along which it is like ``conv``, ``"h"``, ``"w"`` or both; along the other it moves by one, unpadded.
    """
    held = [axis in axes for axis in "hw"]
    stride, dilation = (
        tuple(value if h else 1 for value, h in zip(pair, held, strict=True)) for pair in (conv.stride, conv.dilation)
    )
    assert isinstance(conv.padding, tuple)
    padding = tuple(p if h else 0 for p, h in zip(conv.padding, held, strict=True))
    made = type(conv)(
        weight.shape[1] * groups, weight.shape[0], tuple(weight.shape[2:]), stride,  # type: ignore[arg-type]
        padding, dilation, groups,  # type: ignore[arg-type]
    )  # fmt: skip
    if isinstance(made, PaddedConv2d) and isinstance(conv, PaddedConv2d):
        left, right, top, bottom = conv.pads
        made.pads = (*((left, right) if held[1] else (0, 0)), *((top, bottom) if held[0] else (0, 0)))
    made.weight, made.bias = nn.Parameter(weight.contiguous()), nn.Parameter(bias)
    return made


def conv_attributes(conv: nn.Conv1d | nn.Conv2d | nn.Conv3d) -> dict[str, Any]:
    """A convolution's ONNX attributes."""
    return {
        "dilations": list(conv.dilation),
        "group": conv.groups,
        "kernel_shape": list(conv.kernel_size),
        "pads": onnx_pads(conv),
        "strides": list(conv.stride),
    }


def set_norm(layer: nn.Module, gamma: Tensor, beta: Tensor, factor: Tensor) -> None:
    """Remember the batch norm folded into ``layer``: γ, β and the factor γ/σ on its weights, all ``(out,)``."""
    layer.register_buffer("norm_scale", gamma)
    layer.register_buffer("norm_shift", beta)
    layer.register_buffer("norm_factor", factor)


def norm_of(layer: nn.Module) -> tuple[Tensor, Tensor] | None:
    """Scale (gamma) and shift (beta) of the batch norm folded into ``layer``, or None where there was none."""
    buffers = dict(layer.named_buffers(recurse=False))
    return (buffers["norm_scale"], buffers["norm_shift"]) if "norm_scale" in buffers else None


INPUT_ORIGIN = "input_origin"


def set_origin(layer: nn.Module) -> None:
    """Remember which of the uncompressed layer's channels each channel is, output and input; cut with the weight."""
    layer.register_buffer("origin", torch.arange(layer.get_parameter("weight").shape[0]))
    layer.register_buffer(INPUT_ORIGIN, torch.arange(layer.get_parameter("weight").shape[1]))


def origin_of(layer: nn.Module) -> Tensor:
    """The uncompressed layer's channel that each output channel is, int64 of shape ``(out,)``."""
    return layer.get_buffer("origin")


def input_origin_of(layer: nn.Module) -> Tensor:
    """The uncompressed layer's index along weight axis 1 of each present one, int64 of shape ``(in / groups,)``."""
    return layer.get_buffer(INPUT_ORIGIN)


def keep_outputs(layer: nn.Module, keep: Tensor) -> None:
    """Cut a layer (or a norm) down to the output channels ``keep`` (int64 indices), in place."""
    for name, tensor in [*layer.named_parameters(recurse=False)]:
        setattr(layer, name, nn.Parameter(tensor.data.index_select(0, keep), requires_grad=tensor.requires_grad))
    for name, buffer in [*layer.named_buffers(recurse=False)]:
        if buffer.dim() > 0 and name != INPUT_ORIGIN:
            setattr(layer, name, buffer.index_select(0, keep))
    _count(layer, ("out_channels", "out_features", "num_features", "num_parameters"), len(keep))
    if isinstance(layer, nn.LayerNorm):
        layer.normalized_shape = (len(keep),)


def keep_inputs(layer: nn.Module, keep: Tensor) -> None:
    """Cut a layer's weight down to the input channels ``keep`` (int64 indices), in place."""
    weight = layer.get_parameter("weight")
    layer.weight = nn.Parameter(weight.data.index_select(1, keep), requires_grad=weight.requires_grad)
    if INPUT_ORIGIN in dict(layer.named_buffers(recurse=False)):
        layer.register_buffer(INPUT_ORIGIN, input_origin_of(layer).index_select(0, keep))
    _count(layer, ("in_channels", "in_features"), len(keep))


def is_grouped(layer: nn.Module) -> bool:
    """Whether a convolution works in groups of channels, depthwise included."""
    return isinstance(layer, nn.Conv1d | nn.Conv2d | nn.Conv3d) and layer.groups > 1


def weight_matrix(layer: nn.Module) -> Tensor:
    """The weight as the user trained it, before a batch norm was folded in; shape ``(out, in / groups * kernel)``.

    Where the batch norm's scale is zero the weights are given as zero: their channel is constant.
    """
    weight = torch.flatten(layer.get_parameter("weight").detach(), 1)
    if norm_of(layer) is None:
        return weight
    factor = layer.get_buffer("norm_factor").unsqueeze(1)
    return torch.where(factor == 0, torch.zeros_like(weight), weight / torch.where(factor == 0, 1.0, factor))


def _count(layer: nn.Module, names: Sequence[str], value: int) -> None:
    for name in names:
        if name in vars(layer):
            setattr(layer, name, value)
