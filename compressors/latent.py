"""Layers that compute with what their file holds, and are trained in floats.

What quantisation leaves behind of a layer is a :class:`LatentLayer`. It keeps the float weight and bias that the layer
had (*latent*, since no file holds them): ``parameters()`` gives these, and an optimiser changes these. The forward pass
computes with what the file will hold of them: integers times scales, worked out anew each time. Gradients pass the
rounding as if it were not there: the straight-through estimator of Bengio, Léonard, Courville 2013, "Estimating or
Propagating Gradients Through Stochastic Neurons for Conditional Computation", section 4.

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
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..spaces.network.emission import Emittable
from ..spaces.network.layers import PaddedConv2d


class LatentLayer(Emittable):
    """A convolution or linear layer whose file does not hold its weights as they are trained.

    Attributes:
        layer: the layer as it was; its weight and bias are what is trained.
    """

    layer: nn.Module

    @abstractmethod
    def held(self) -> tuple[Tensor, Tensor | None]:
        """What the file holds of the weight and of the bias, as floats of their shapes.

        Gradients go to the latent ones, see :func:`straight_through`.
        """

    def forward(self, x: Tensor) -> Tensor:
        return computed(self.layer, x, *self.held())


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
