"""The bias of a layer takes up the mean error that a change of its weights makes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import torch
from torch import Tensor, fx, nn

from ...spaces.network.hooks import watching
from ...spaces.tensors.batch import Tensors
from ..statistics.sampling import module_of


def correct_biases(net: fx.GraphModule, weights: Mapping[fx.Node, Tensor], inputs: Tensors) -> None:
    """Take out of the biases, in place, the mean error that other weights will make; the weights are left alone.

    Args:
        weights: what the layers that nodes run will have; those without a bias are passed over.
        inputs: what means are taken over, by one pass of ``net`` as it stands.
    """
    means = input_means(net, weights, inputs)
    for node, weight in weights.items():
        layer = module_of(net, node)
        assert layer is not None
        if isinstance(layer.bias, nn.Parameter):
            error = weight - layer.get_parameter("weight").detach()
            layer.bias = nn.Parameter(layer.bias.detach() - mean_error(layer, error, means[node]))


def mean_error(layer: nn.Module, error: Tensor, mean: Tensor) -> Tensor:
    """The mean change of a layer's outputs, shape ``(out,)``; at the border, zero padding is not accounted for.

    Nagel et al. 2019, "Data-Free Quantization Through Weight Equalization and Bias Correction", section 4.2: taken
    from the bias, it leaves the mean output as it was. Deviation: means of inputs are measured.

    Args:
        error: what was added to the weight, of the weight's shape.
        mean: of each input channel, shape ``(in,)``.
    """
    taps = error.flatten(2).sum(2) if error.dim() > 2 else error
    groups = getattr(layer, "groups", 1)
    if groups == 1:
        return taps @ mean
    of_output = mean.view(groups, -1).repeat_interleave(taps.shape[0] // groups, 0)
    return (taps * of_output).sum(1)


def input_means(net: fx.GraphModule, nodes: Iterable[fx.Node], inputs: Tensors) -> dict[fx.Node, Tensor]:
    """The mean of each input channel, shape ``(in,)``, of the layers that ``nodes`` run, by one pass of ``inputs``.

    Over all calls of a layer, each of which counts alike.
    """
    means: dict[fx.Node, list[Tensor]] = {}

    def observe(node: fx.Node) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
        def hook(layer: nn.Module, read: tuple[Tensor, ...]) -> None:
            channels = read[0].dim() - 1 if isinstance(layer, nn.Linear) else 1
            mean = read[0].mean([axis for axis in range(read[0].dim()) if axis != channels])
            means.setdefault(node, []).append(mean)

        return hook

    layers = ((node, module_of(net, node)) for node in nodes)
    with watching(layer.register_forward_pre_hook(observe(node)) for node, layer in layers if layer is not None):
        net(inputs)
    return {node: mean_of(seen) for node, seen in means.items()}


def mean_of(seen: Sequence[Tensor]) -> Tensor:
    """The mean of tensors of one shape; of a single one, itself."""
    return seen[0] if len(seen) == 1 else torch.stack(list(seen)).mean(0)
