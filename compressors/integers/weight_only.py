"""Layers whose weights alone are in few bits; activations and arithmetic stay in float."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...spaces.network.emission import Builder, Emittable, layer_node
from ...spaces.network.layers import SequenceLinear
from ...spaces.network.packing import pack, packed
from ..latent import LatentLayer, straight_through
from .codes import CODES
from .stepped import SteppedLayer
from .weight_quantizer import WeightQuantizer

BLOCK = 32
"""Neighbouring inputs of a linear layer that share a scale."""
BLOCKED_BITS = (8, 4, 2)
"""Those that the runtime has a kernel for."""


class PackedLayer(SteppedLayer):
    """A layer with integer weights in the file, turned into floats when it is loaded: smaller, not faster.

    Attributes:
        layer: the float layer; its weight is latent.
        quantizer: how its weight becomes integers.
    """

    def __init__(self, layer: nn.Module, bits: int, per_channel: bool = True) -> None:
        super().__init__(layer, WeightQuantizer(bits, per_channel=per_channel))

    def held(self) -> tuple[Tensor, Tensor | None]:
        return self.quantizer(self.latent_weight), self.layer.get_parameter("bias")

    def emit(self, builder: Builder, inputs: Sequence[ir.Value | None]) -> list[ir.Value]:
        layer = self.layer
        codes, scales = (tensor.numpy() for tensor in self.quantizer.codes(self.latent_weight))
        across = isinstance(layer, SequenceLinear)
        scale = scales.reshape((1, -1) if across else (-1, *[1] * (codes.ndim - 1)))
        integers = packed(builder, "codes", codes.T if across else codes)
        floats = builder.node("Cast", [integers], {"to": int(ir.DataType.FLOAT)}, suffix=".floats")
        weight = builder.node("Mul", [*floats, builder.constant("weight_scale", scale)], suffix=".weight")[0]
        bias = builder.constant("bias", layer.get_parameter("bias").detach().numpy())
        return layer_node(builder, layer, inputs[0], weight, bias)


class BlockedLinear(LatentLayer):
    """A linear layer in ONNX Runtime's ``MatMulNBits``: a scale for each 32 neighbouring inputs of an output.

    Attributes:
        layer: the float layer; its weight is latent.
        bits: 8, 4 or 2.
    """

    layer: nn.Linear

    def __init__(self, layer: nn.Linear, bits: int) -> None:
        super().__init__(layer)
        self.bits = bits

    def held(self) -> tuple[Tensor, Tensor | None]:
        weight = self.latent_weight
        codes, scale = self._integers(weight)
        value = (codes * scale.unsqueeze(2)).flatten(1)[:, : weight.shape[1]].contiguous()
        return straight_through(weight, value), self.layer.bias

    def emit(self, builder: Builder, inputs: Sequence[ir.Value | None]) -> list[ir.Value]:
        layer = self.layer
        codes, scale = self._integers(self.latent_weight)
        shifted = codes.numpy().astype(np.int16) + 2 ** (self.bits - 1)
        bytes_of = pack(shifted.reshape(-1), self.bits).reshape(*codes.shape[:2], -1)
        held = [builder.constant("codes", bytes_of), builder.constant("scale", scale.numpy().reshape(-1))]
        bias = builder.constant("bias", layer.bias.detach().numpy())
        sizes = {"K": layer.in_features, "N": layer.out_features, "bits": self.bits, "block_size": BLOCK}
        return builder.node("MatMulNBits", [inputs[0], *held, None, None, bias], sizes, domain="com.microsoft")

    @torch.no_grad()
    def _integers(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """The integers as floats, ``(out, blocks, 32)``, the last block padded with zeros; scales ``(out, blocks)``."""
        padded = F.pad(weight, (0, -weight.shape[1] % BLOCK)).reshape(-1, BLOCK)
        codes, scale = CODES[self.bits](padded)
        return codes.view(len(weight), -1, BLOCK), scale.view(len(weight), -1)


def weight_only(layer: nn.Module, bits: int, per_channel: bool = True) -> Emittable:
    """``layer`` with its weights in ``bits``; linear layers by ``MatMulNBits`` where that has the bits."""
    if isinstance(layer, nn.Linear) and bits in BLOCKED_BITS:
        return BlockedLinear(layer, bits)
    return PackedLayer(layer, bits, per_channel)
