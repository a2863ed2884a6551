"""Training a network in integers: steps that are trained with the weights, and what is kept of such a network."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, fx

from ..integers.quantized import FakeQuantize, QuantizedLayer
from ..integers.stepped import SteppedLayer
from ..latent import LatentLayer
from ..pattern import Pattern, mark_clustered
from .weights import Weights, set_weights, weights_of

FINISHED = "finished."
"""What the names begin with of the weights of a network that is trained as its file holds it."""
ZERO_POINT = "zero_point"


def learn_steps(net: fx.GraphModule) -> None:
    """Have the steps of all weights and activations in integers be trained, in place; the network computes the same.

    Args:
        net: as :meth:`Pipeline.finished` gives it. Scales of ``MatMulNBits``, of which neighbouring inputs share one,
            follow the weights, as they do without this.
    """
    for module in net.modules():
        if isinstance(module, SteppedLayer):
            module.learn_steps()
        elif isinstance(module, FakeQuantize):
            module.learn()


def widen_steps(net: fx.GraphModule) -> None:
    """Have binary weights with trained steps be ternary until :func:`narrow_steps`, in place.

    Zhuang et al. 2018, "Towards Effective Low-bitwidth Convolutional Neural Networks" (progressive quantisation): each
    width begins with the network of the next higher. Deviations: of the widths only ternary before binary, and in one
    cycle of the learning rate.
    """
    for module in net.modules():
        if isinstance(module, SteppedLayer):
            module.quantizer.widen(module.latent_weight)


def narrow_steps(net: fx.GraphModule) -> None:
    """Have all weights be held in the bits of the file again, in place."""
    for module in net.modules():
        if isinstance(module, SteppedLayer):
            module.quantizer.narrow(module.latent_weight)


def settle_steps(net: fx.GraphModule) -> None:
    """Have all parameters of a network that was trained be what its file holds, in place; one without integers stays.

    Weights that stay zero or equal are written as such, and biases are held in steps of the activations as trained.
    """
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, LatentLayer):
                module.layer.get_parameter("weight").copy_(module.latent_weight)
    for name, layer in net.named_modules():
        if isinstance(layer, QuantizedLayer):
            reads = [net.get_submodule(str(n.all_input_nodes[0].target)) for n in net.graph.nodes if n.target == name]
            layer.read(min(point.scale for point in reads if isinstance(point, FakeQuantize)))


def held_weights(net: fx.GraphModule) -> dict[str, Tensor]:
    """All parameters of a network that was trained: of floats, or as its file holds it, with its steps."""
    weights = weights_of(net)
    if not any(isinstance(module, LatentLayer) for module in net.modules()):
        return weights
    return {f"{FINISHED}{name}": tensor for name, tensor in (weights | _zero_points(net)).items()}


def is_finished(weights: Weights) -> bool:
    """Whether weights are those of a network that was trained as its file holds it."""
    return any(name.startswith(FINISHED) for name in weights)


def set_finished(net: fx.GraphModule, weights: Weights) -> None:
    """Give a network what :func:`held_weights` has kept of one of the same policy, in place.

    Args:
        net: as :meth:`Pipeline.finished` gives it, whatever weights it was given; steps of it are not trained yet.
        weights: of a finished network.

    Raises:
        ParefrontError: where they are of another structure.
    """
    learn_steps(net)
    held = {name.removeprefix(FINISHED): tensor for name, tensor in weights.items()}
    points = _zero_points(net)
    set_weights(net, {name: tensor for name, tensor in held.items() if name not in points})
    for name, module in net.named_modules():
        if isinstance(module, FakeQuantize):
            module.zero_point = int(held[f"{name}.{ZERO_POINT}"])
        elif isinstance(module, LatentLayer) and module.pattern is not None:
            module.pattern = _pattern_of(module, module.pattern)
    settle_steps(net)


def _zero_points(net: fx.GraphModule) -> dict[str, Tensor]:
    points = {name: module for name, module in net.named_modules() if isinstance(module, FakeQuantize)}
    return {f"{name}.{ZERO_POINT}": torch.tensor(point.zero_point) for name, point in points.items()}


def _pattern_of(held: LatentLayer, before: Pattern) -> Pattern | None:
    """What stays zero and equal, by the trained weight: training has kept it."""
    if before.first is not None:
        weight = held.layer.get_parameter("weight").detach()
        mark_clustered(held.layer, torch.from_numpy(np.unique(weight.numpy())))
    return Pattern.of(held.layer)
