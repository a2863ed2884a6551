"""What quantisation leaves behind: layers with integer weights, and the points where activations become integers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir
import torch
from torch import Tensor, nn

from ...spaces.network.emission import Builder, Emittable, layer_node
from ...spaces.network.layers import SequenceLinear
from ...spaces.network.packing import is_packed, packed
from ..latent import straight_through
from .activations import rounded_straight
from .learned_step import above_zero, learned_activation
from .stepped import SteppedLayer
from .weight_quantizer import WeightQuantizer

BIAS_LIMIT = 2**30
"""A bias is held in int32, in steps of the input's scale times the weight's."""


class FakeQuantize(Emittable):
    """An activation in 8-bit integers, per tensor: ``(clip(round(x / scale) + zero_point) − zero_point) · scale``.

    Attributes:
        zero_point: the integer that stands for 0.
        signed: int8 where True, uint8 where False.
        step: the scale where it is trained, ``()``; else None.
    """

    step: nn.Parameter | None

    def __init__(self, scale: float, zero_point: int, signed: bool) -> None:
        super().__init__()
        self._scale = scale
        self.zero_point = zero_point
        self.signed = signed
        self.register_parameter("step", None)

    @property
    def scale(self) -> float:
        """The step between two integers, in the activation's own unit."""
        return self._scale if self.step is None else float(above_zero(self.step.detach()))

    def learn(self) -> None:
        """Have the scale be trained from where it is."""
        self.step = nn.Parameter(torch.tensor(self.scale))

    @property
    def limits(self) -> tuple[int, int]:
        return (-128, 127) if self.signed else (0, 255)

    @property
    def range(self) -> tuple[float, float]:
        """The lowest and highest activation that can be expressed."""
        low, high = self.limits
        return (low - self.zero_point) * self.scale, (high - self.zero_point) * self.scale

    def forward(self, x: Tensor) -> Tensor:
        if self.step is None:
            return rounded_straight(x, self.scale, self.zero_point, *self.limits)
        return learned_activation(x, above_zero(self.step), self.zero_point, *self.limits)

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


class QuantizedLayer(SteppedLayer):
    """A convolution or linear layer with integer weights, symmetric, one scale for each output channel.

    Weights of fewer than 8 bits, or that are marked to be packed, are unpacked to int8 when the file is loaded.

    Attributes:
        layer: the float layer; its weight and bias are latent.
        quantizer: how its weight becomes integers.
        packs: whether the codes are packed in the file.
        input_scale: of the activation it reads, the least where it is called more than once; the bias is held as int32
            in steps of ``input_scale · scale``, in the file those of the activation that the call reads.
    """

    def __init__(self, layer: nn.Module, quantizer: WeightQuantizer, input_scale: float) -> None:
        super().__init__(layer, quantizer)
        self.packs = quantizer.bits < 8 or is_packed(layer)
        self.input_scale = input_scale

    @property
    def codes(self) -> Tensor:
        """The integers, int8 of the weight's shape."""
        return self.quantizer.codes(self.latent_weight)[0]

    def held(self) -> tuple[Tensor, Tensor | None]:
        weight, bias = self.latent_weight, self.layer.get_parameter("bias")
        value, scale = self.quantizer.held(weight)
        return value, straight_through(bias, self._bias(scale))

    def read(self, scale: float) -> None:
        """Hold the bias in steps of an activation of this scale; no channel's scale is too small for its bias then."""
        self.input_scale = scale
        self.quantizer.stay_above(self.layer.get_parameter("bias").detach().abs() / (scale * BIAS_LIMIT))

    def emit(self, builder: Builder, inputs: Sequence[ir.Value | None]) -> list[ir.Value]:
        layer = self.layer
        codes, scale = self.quantizer.codes(self.latent_weight)
        if isinstance(layer, SequenceLinear):
            weight = self._weight(builder, codes.numpy().T, scale, axis=1)
            bias = layer.get_parameter("bias").detach().numpy()
            return layer_node(builder, layer, inputs[0], weight, builder.constant("bias", bias))
        steps = scale.double() * self._scale_of(inputs[0])
        held = _in_steps(self._bias(scale), steps).numpy()
        constants = [builder.constant("bias", held), builder.constant("bias_scale", steps.float().numpy())]
        weight = self._weight(builder, codes.numpy(), scale, axis=0)
        integer_bias = builder.node("DequantizeLinear", constants, {"axis": 0}, suffix=".bias_dequantize")
        return layer_node(builder, layer, inputs[0], weight, integer_bias[0])

    def _bias(self, scale: Tensor) -> Tensor:
        """The values that the integers of the bias stand for; behind a MatMul it is added in floats."""
        bias = self.layer.get_parameter("bias").detach()
        if isinstance(self.layer, SequenceLinear):
            return bias
        steps = scale.double() * self.input_scale
        return (_in_steps(bias, steps).double() * steps).float()

    def _scale_of(self, source: ir.Value | None) -> float:
        """The scale of the integers that a call reads: each call of a layer has an activation of its own."""
        point = source.producer() if source is not None else None
        scale = point.inputs[1] if point is not None and point.op_type == "DequantizeLinear" else None
        if scale is None or scale.const_value is None or scale.const_value.size != 1:
            return self.input_scale
        held = float(scale.const_value.numpy())
        return self.input_scale if held == np.float32(self.input_scale) else held

    def _weight(self, builder: Builder, codes: np.ndarray, scale: Tensor, axis: int) -> ir.Value:
        held = packed(builder, "weight", codes) if self.packs else builder.constant("weight", codes)
        constants = [held, builder.constant("weight_scale", scale.numpy())]
        zero = builder.constant("weight_zero_point", np.zeros(len(scale), np.int8))
        return builder.node("DequantizeLinear", [*constants, zero], {"axis": axis}, suffix=".weight_dequantize")[0]


def _in_steps(bias: Tensor, steps: Tensor) -> Tensor:
    """A bias as int32, in steps of float64."""
    return torch.clamp(torch.round(bias.double() / steps), -(2**31) + 1, 2**31 - 1).to(torch.int32)
