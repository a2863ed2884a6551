"""Weights in half precision: half the bytes in the file, floats again when it is loaded."""

from collections.abc import Mapping, Sequence

import numpy as np
import onnx_ir as ir
from torch import Tensor, fx, nn

from parefront.compressors import Compressor, Context, LatentLayer, Plan, Stage, straight_through
from parefront.spaces import Builder, Choice, Knob, ModelGraph, conv_attributes


class HalfConv(LatentLayer):
    """A convolution whose weight lies in the file as float16; it is trained in float32."""

    def held(self) -> tuple[Tensor, Tensor | None]:
        weight = self.latent_weight
        return straight_through(weight, weight.detach().half().float()), self.layer.bias

    def emit(self, builder: Builder, inputs: Sequence[ir.Value | None]) -> list[ir.Value]:
        half = builder.constant("weight", self.latent_weight.detach().numpy().astype(np.float16))
        weight = builder.node("Cast", [half], {"to": int(ir.DataType.FLOAT)}, suffix=".weight_floats")
        bias = builder.constant("bias", self.layer.bias.detach().numpy())
        return builder.node("Conv", [inputs[0], *weight, bias], conv_attributes(self.layer))


class Half(Compressor):
    """A knob for each convolution: 32 or 16 bits for a weight."""

    name = "half"
    stage = Stage.SPARSIFY

    def plan(self, graph: ModelGraph) -> Plan:
        convolutions = [layer for layer in graph if len(layer.kernel) == 2]
        knobs = [Knob(self.name, c.name, (32, 16), 32, frozenset({c.name}), c.position) for c in convolutions]
        return Plan(self.name, self.stage, knobs, halve)


def halve(net: fx.GraphModule, choices: Mapping[str, Choice], context: Context) -> fx.GraphModule:
    for name in choices:
        layer = dict(net.named_modules()).get(name)
        if isinstance(layer, nn.Conv2d):
            net.set_submodule(name, HalfConv(layer))
    return net
