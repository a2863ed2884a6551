"""Layers whose weights are integers times steps, which can be trained with them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..latent import LatentLayer
from .codes import by_channel
from .weight_quantizer import WeightQuantizer


class SteppedLayer(LatentLayer):
    """A layer whose integers a :class:`WeightQuantizer` makes.

    Attributes:
        layer: the float layer; its weight is latent.
        quantizer: how its weight becomes integers.
    """

    def __init__(self, layer: nn.Module, quantizer: WeightQuantizer) -> None:
        super().__init__(layer)
        self.quantizer = quantizer

    @torch.no_grad()
    def learn_steps(self) -> None:
        """Have the scales of the weights be trained from where they are; the layer computes what it did."""
        weight = self.layer.get_parameter("weight")
        weight.copy_(self.quantizer.learn(self.latent_weight))

    @property
    def can_scale_channels(self) -> bool:
        """Whether a factor on each output channel leaves integers, and weights that are equal, what they are."""
        clustered = self.pattern is not None and self.pattern.first is not None
        return self.quantizer.step is not None and self.quantizer.per_channel and not clustered

    @torch.no_grad()
    def scale_channels(self, factor: Tensor) -> None:
        """Multiply the weights of each output channel, and the step by its size; ``factor`` is ``(out,)``."""
        weight = self.layer.get_parameter("weight")
        weight.mul_(by_channel(factor, weight))
        self.quantizer.scale_channels(factor)
