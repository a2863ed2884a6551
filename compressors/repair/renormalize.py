"""Outputs of pruned layers get the mean and the deviation again that they had, channel by channel."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import torch
from torch import Tensor, fx, nn

from ...spaces.network.hooks import watching
from ...spaces.tensors.batch import Tensors
from ..statistics.sampling import module_of

LARGEST_GAIN = 10.0
"""Most that what is left of a channel is amplified by."""

Statistics = tuple[Tensor, Tensor]
"""Mean and standard deviation of each output channel, both of shape ``(out,)``."""


def output_statistics(net: fx.GraphModule, nodes: Iterable[fx.Node], inputs: Tensors) -> dict[fx.Node, Statistics]:
    """The statistics of the layers that ``nodes`` run, on ``inputs``."""
    found: dict[fx.Node, Statistics] = {}

    def observe(node: fx.Node, layer: nn.Module, output: Tensor) -> Tensor:
        found[node] = _statistics(layer, output)
        return output

    _run(net, nodes, inputs, observe)
    return found


def renormalize(net: fx.GraphModule, wanted: Mapping[fx.Node, Statistics], inputs: Tensors) -> None:
    """Scale and shift the outputs of layers so that on ``inputs`` they have the statistics wanted, in place.

    Jordan et al. 2023, "REPAIR: REnormalizing Permuted Activations for Interpolation Repair", section 4: with the small
    weights of a deep network its signal fades from layer to layer, and what is left is amplified again. The scale goes
    into the weights, so zeros stay zeros. Deviations: layers are done in the order they run, each on what those before
    it give by then, all in one pass; a scale is at most 10; a layer without a bias is scaled only; of a layer that is
    called more than once, the first call decides.
    """

    def correct(node: fx.Node, layer: nn.Module, output: Tensor) -> Tensor:
        mean, deviation = _statistics(layer, output)
        gain = torch.where(deviation > 0, wanted[node][1] / deviation, 1.0).clamp(max=LARGEST_GAIN)
        weight, bias = layer.get_parameter("weight"), layer.bias
        weight.data = weight.data * gain.view(-1, *[1] * (weight.dim() - 1))
        shift = torch.zeros_like(gain)
        if isinstance(bias, nn.Parameter):
            shift = wanted[node][0] - gain * mean
            bias.data = bias.data * gain + shift
        shape = [1] * output.dim()
        shape[_channels(layer, output)] = -1
        return output * gain.view(shape) + shift.view(shape)

    _run(net, wanted, inputs, correct)


def _run(
    net: fx.GraphModule,
    nodes: Iterable[fx.Node],
    inputs: Tensors,
    change: Callable[[fx.Node, nn.Module, Tensor], Tensor],
) -> None:
    """Run ``net``, the first output of each layer replaced by what ``change`` makes of it."""
    waiting = set(nodes)

    def hook(node: fx.Node, layer: nn.Module, output: Tensor) -> Tensor:
        if node not in waiting:
            return output
        waiting.remove(node)
        return change(node, layer, output)

    layers = [(node, module_of(net, node)) for node in waiting]
    with watching(
        layer.register_forward_hook(lambda layer, _, output, node=node: hook(node, layer, output))
        for node, layer in layers
        if layer is not None
    ):
        net(inputs)


def _statistics(layer: nn.Module, output: Tensor) -> Statistics:
    others = tuple(axis for axis in range(output.dim()) if axis != _channels(layer, output))
    deviation, mean = torch.std_mean(output, others, correction=0)
    return mean, deviation


def _channels(layer: nn.Module, output: Tensor) -> int:
    """The axis of the channels."""
    return output.dim() - 1 if isinstance(layer, nn.Linear) else 1
