"""Layers that compute with what their file holds, and are trained in floats.

What methods leave behind of a layer whose weights the file holds in another form is a :class:`LatentLayer`. It keeps
the float weight and bias that the layer had (*latent*, since no file holds them): ``parameters()`` gives these, and an
optimiser changes these. The forward pass computes with what the file will hold of them, worked out anew each time:
integers times scales, or weights of which some stay zero and some stay equal (see :class:`~.pattern.Pattern`).
Gradients pass rounding as if it were not there: the straight-through estimator of Bengio, Léonard, Courville 2013,
"Estimating or Propagating Gradients Through Stochastic Neurons for Conditional Computation", section 4.

So a compressed network can be trained as it stands and emitted at any time: untrained it gives the bytes of its policy,
after a step of an optimiser those of the changed weights. ::

    net = pipeline.apply(traced.net, policy, context)
    optimiser = torch.optim.SGD(net.parameters(), 1e-3)
    loss(net(images), labels).backward()
    optimiser.step()
    emit(net, path, images)

Scales of weights follow the weights. What is not trained are the scales of activations, which are constants and let
gradients through within their range, and rounding that was decided for a layer's output (``rounding: reconstruct``),
which stays the same number of steps away from the nearest integer.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import onnx_ir as ir
import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from ..spaces.network.emission import Builder, Emittable, layer_node
from ..spaces.network.layers import WEIGHTED, PaddedConv2d, SequenceLinear
from ..spaces.network.packing import is_packed, packed
from ..spaces.tensors.sharing import to_array
from .pattern import Pattern


class LatentLayer(Emittable):
    """A convolution or linear layer whose file does not hold its weights as they are trained.

    Attributes:
        layer: the layer as it was; its weight and bias are what is trained.
        pattern: what stays zero and what stays equal of the weight; None where nothing does.
    """

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer
        self.pattern = Pattern.of(layer)

    @property
    def latent_weight(self) -> Tensor:
        """The float weight, with the pattern that it keeps."""
        weight: Tensor = self.layer.get_parameter("weight")
        return weight if self.pattern is None else self.pattern(weight)

    @abstractmethod
    def held(self) -> tuple[Tensor, Tensor | None]:
        """What the file holds of the weight and of the bias, as floats of their shapes.

        Gradients go to the latent ones, see :func:`straight_through`.
        """

    def forward(self, x: Tensor) -> Tensor:
        return computed(self.layer, x, *self.held())


class StoredLayer(LatentLayer):
    """A layer whose weights are floats that the file packs, as some are zero or equal."""

    def held(self) -> tuple[Tensor, Tensor | None]:
        return self.latent_weight, self.layer.get_parameter("bias")

    def emit(self, builder: Builder, inputs: Sequence[ir.Value | None]) -> list[ir.Value]:
        weight, bias = map(to_array, (self.latent_weight, self.layer.get_parameter("bias")))
        held = packed(builder, "weight", weight.T if isinstance(self.layer, SequenceLinear) else weight)
        return layer_node(builder, self.layer, inputs[0], held, builder.constant("bias", bias))


def keep_patterns(net: fx.GraphModule) -> None:
    """Have the layers of ``net`` that are packed keep their zeros and clusters in training, in place."""
    for name in {str(node.target): None for node in net.graph.nodes if node.op == "call_module"}:
        layer = net.get_submodule(name)
        if isinstance(layer, WEIGHTED) and is_packed(layer):
            net.set_submodule(name, StoredLayer(layer))


class _StraightThrough(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, latent: Tensor, value: Tensor) -> Tensor:
        return value.view_as(value)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Any, None]:
        return gradients[0], None


def straight_through(latent: Tensor, value: Tensor) -> Tensor:
    """``value``, exactly; its gradient is given to ``latent``, which has the same shape."""
    held: Tensor = _StraightThrough.apply(latent, value)
    return held


def computed(layer: nn.Module, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """What a convolution or linear layer gives with a weight and a bias in place of its own."""
    if isinstance(layer, nn.Linear):
        return F.linear(x, weight, bias)
    assert isinstance(layer, nn.Conv1d | nn.Conv2d | nn.Conv3d)
    padded = F.pad(x, layer.pads) if isinstance(layer, PaddedConv2d) else x
    output: Tensor = layer._conv_forward(padded, weight, bias)
    return output
