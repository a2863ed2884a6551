"""What quantisation leaves behind: layers with integer weights, and the points where activations become integers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir
import torch
from torch import Tensor, nn

from ..spaces import Builder, Emittable, SequenceLinear, conv_attributes, is_packed, packed

SMALLEST_SCALE = 1e-12
"""Of weights; where all of a channel's are zero, too."""


class FakeQuantize(Emittable):
    """An activation in 8-bit integers, per tensor: ``(clip(round(x / scale) + zero_point) − zero_point) · scale``.

    Attributes:
        scale: step between two integers, in the activation's own unit.
        zero_point: the integer that stands for 0.
        signed: int8 where True, uint8 where False.
    """

    def __init__(self, scale: float, zero_point: int, signed: bool) -> None:
        super().__init__()
        self.scale = scale
        self.zero_point = zero_point
        self.signed = signed

    @property
    def limits(self) -> tuple[int, int]:
        return (-128, 127) if self.signed else (0, 255)

    @property
    def range(self) -> tuple[float, float]:
        """The lowest and highest activation that can be expressed."""
        low, high = self.limits
        return (low - self.zero_point) * self.scale, (high - self.zero_point) * self.scale

    def forward(self, x: Tensor) -> Tensor:
        return torch.fake_quantize_per_tensor_affine(x, self.scale, self.zero_point, *self.limits)

    def emit(self, builder: Builder, inputs: Sequence[ir.Value | None]) -> list[ir.Value]:
        kind = np.int8 if self.signed else np.uint8
        scale = builder.constant("scale", np.array(self.scale, np.float32))
        zero = builder.constant("zero_point", np.array(self.zero_point, kind))
        quantized = builder.node("QuantizeLinear", [inputs[0], scale, zero], suffix=".quantize")
        return builder.node("DequantizeLinear", [quantized[0], scale, zero])


class ChannelFloats(Emittable):
    """The floats behind a point again, dequantised channel by channel with its one scale; in torch they are the same.

    What a float layer reads. Between an ordinary DequantizeLinear and a QuantizeLinear further on, ONNX Runtime 1.21
    and later takes it for one whose weights were forgotten, and quantises them, one scale for all channels (in its
    pass WeightBiasQuantization). Behind scales of many channels it leaves a layer alone.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels

    def forward(self, x: Tensor) -> Tensor:
        return x

    def emit(self, builder: Builder, inputs: Sequence[ir.Value | None]) -> list[ir.Value]:
        point = inputs[0].producer() if inputs[0] is not None else None
        assert point is not None
        assert point.op_type == "DequantizeLinear"
        integers, scale, zero = point.inputs
        constants = []
        for name, value in (("scale", scale), ("zero_point", zero)):
            assert value is not None
            assert value.const_value is not None
            constants.append(builder.constant(name, np.full(self.channels, value.const_value.numpy())))
        return builder.node("DequantizeLinear", [integers, *constants], {"axis": 1})


class QuantizedLayer(Emittable):
    """A convolution or linear layer with int8 weights, symmetric, one scale for each output channel.

    Attributes:
        layer: the float layer, its weight and bias replaced by the values the integers stand for.
        codes: int8, the weight's shape.
        scale: float32, shape ``(out,)``.
        input_scale: of the activation it reads; the bias is held as int32 in steps of ``input_scale · scale``.
    """

    codes: Tensor
    scale: Tensor

    def __init__(self, layer: nn.Module, codes: Tensor, scale: Tensor, input_scale: float) -> None:
        super().__init__()
        self.layer = layer
        self.register_buffer("codes", codes)
        self.register_buffer("scale", scale)
        self.input_scale = input_scale
        layer.get_parameter("weight").data = dequantize(codes, scale)
        if not isinstance(layer, SequenceLinear):
            layer.get_parameter("bias").data = (self._bias().double() * self._bias_steps()).float()

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x)  # type: ignore[no-any-return]

    def emit(self, builder: Builder, inputs: Sequence[ir.Value | None]) -> list[ir.Value]:
        layer = self.layer
        if isinstance(layer, SequenceLinear):
            weight = self._weight(builder, self.codes.numpy().T, axis=1)
            product = builder.node("MatMul", [inputs[0], weight], suffix=".matmul")
            bias = layer.get_parameter("bias").detach().numpy()
            return builder.node("Add", [product[0], builder.constant("bias", bias)])
        held, steps = self._bias().numpy(), self._bias_steps().float().numpy()
        constants = [builder.constant("bias", held), builder.constant("bias_scale", steps)]
        weight = self._weight(builder, self.codes.numpy(), axis=0)
        integer_bias = builder.node("DequantizeLinear", constants, {"axis": 0}, suffix=".bias_dequantize")
        arguments = [inputs[0], weight, integer_bias[0]]
        if isinstance(layer, nn.Linear):
            return builder.node("Gemm", arguments, {"transB": 1})
        assert isinstance(layer, nn.Conv1d | nn.Conv2d | nn.Conv3d)
        return builder.node("Conv", arguments, conv_attributes(layer))

    def _bias(self) -> Tensor:
        """The bias as int32."""
        held = torch.round(self.layer.get_parameter("bias").detach().double() / self._bias_steps())
        return torch.clamp(held, -(2**31) + 1, 2**31 - 1).to(torch.int32)

    def _bias_steps(self) -> Tensor:
        return self.scale.double() * self.input_scale

    def _weight(self, builder: Builder, codes: np.ndarray, axis: int) -> ir.Value:
        held = packed(builder, "weight", codes) if is_packed(self.layer) else builder.constant("weight", codes)
        scale = builder.constant("weight_scale", self.scale.numpy())
        zero = builder.constant("weight_zero_point", np.zeros(len(self.scale), np.int8))
        return builder.node("DequantizeLinear", [held, scale, zero], {"axis": axis}, suffix=".weight_dequantize")[0]


def quantize_weight(weight: Tensor, limit: int = 127, least: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Symmetric int8 codes and one scale for each output channel (axis 0), by the largest absolute weight.

    Args:
        least: scales to stay above, shape ``(out,)``: where a channel's weights are next to nothing, as a batch norm
            with γ ≈ 0 leaves them, a smaller scale could not hold its bias.
    """
    scale = weight.detach().abs().flatten(1).amax(1) / limit
    scale = torch.clamp(scale if least is None else torch.maximum(scale, least), min=SMALLEST_SCALE)
    shaped = scale.view(-1, *[1] * (weight.dim() - 1))
    return torch.clamp(torch.round(weight.detach() / shaped), -limit, limit).to(torch.int8), scale


def dequantize(codes: Tensor, scale: Tensor) -> Tensor:
    """The values that integer weights stand for."""
    return codes.float() * scale.view(-1, *[1] * (codes.dim() - 1))
