"""A convolution in groups: which input channels go to which group, and how they are brought together."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, fx, nn

from ...spaces.network.layers import conv_like, is_grouped, keep_outputs
from ...spaces.network.ops import Op
from ..statistics.moments import Moments, mean_output
from ..statistics.sampling import module_of

CHANNELWISE = frozenset(
    {"AveragePool", "Clip", "Elu", "GlobalAveragePool", "HardSigmoid", "HardSwish", "LeakyRelu", "MaxPool", "Relu",
     "Sigmoid", "Softplus", "Tanh"}
)  # fmt: skip
"""Operators that do the same to every channel: channels may as well be shuffled before them."""


def grouped(conv: nn.Conv2d, groups: int, moments: Moments) -> tuple[nn.Conv2d, Tensor]:
    """``conv`` in ``groups`` groups, and the order its input channels have to come in, int64 of shape ``(in,)``.

    Zhang, Zhou, Lin, Sun 2018, "ShuffleNet", section 3.1, with an order that is chosen rather than fixed, since the
    weights are those of a trained dense layer: outputs stay where they are, and each input channel goes to a group of
    outputs that it matters to (greedily, within the groups' sizes). A channel matters to an output by the variance
    that it adds there, ``W_oc C_c W_ocᵀ``. The mean of what is left out goes into the bias.
    """
    weight = conv.weight.detach().flatten(2)
    by_channel = weight.transpose(0, 1)
    energy = ((by_channel @ moments.covariance) * by_channel).sum(2)
    order = _assign(energy.view(len(energy), groups, -1).sum(2))
    blocks = order.view(groups, -1).repeat_interleave(len(weight) // groups, 0)
    kept = weight.gather(1, blocks.unsqueeze(2).expand(-1, -1, weight.shape[2]))
    left = weight.scatter(1, blocks.unsqueeze(2).expand_as(kept), 0.0)
    assert conv.bias is not None
    bias = conv.bias.detach() + mean_output(left, moments)
    return conv_like(conv, kept.view(*kept.shape[:2], *conv.kernel_size), bias, groups), order


def shuffle(net: fx.GraphModule, calls: Sequence[fx.Node], order: Tensor) -> list[nn.Module]:
    """What has to stand before a layer's ``calls`` so that it reads its channels in ``order``: a Gather, or nothing.

    Nothing where the layer that writes the channels can be made to write them in that order, in place: a Gather of
    channels costs a copy, and breaks the blocked layout that ONNX Runtime's convolutions pass on.
    """
    if torch.equal(order, torch.arange(len(order))):
        return []
    writer = _sole_writer(net, calls[0]) if len(calls) == 1 else None
    if writer is None:
        return [Op("Gather", {"axis": 1}, {1: order}, arity=2)]
    keep_outputs(writer, order)
    return []


def _assign(gain: Tensor) -> Tensor:
    """The channels ``(in,)`` in the order of their groups, all of one size, for a gain ``(in, groups)`` to be great."""
    channels, groups = gain.shape
    members: list[list[int]] = [[] for _ in range(groups)]
    advantage = gain - gain.mean(1, keepdim=True)
    waiting = set(range(channels))
    for pair in advantage.flatten().argsort(descending=True, stable=True).tolist():
        channel, group = divmod(pair, groups)
        if channel in waiting and len(members[group]) < channels // groups:
            waiting.remove(channel)
            members[group].append(channel)
    return torch.tensor([channel for group in members for channel in sorted(group)])


def _sole_writer(net: fx.GraphModule, call: fx.Node) -> nn.Conv2d | None:
    """The dense convolution that writes what ``call`` alone reads, through operators on each channel; or None."""
    node = call.all_input_nodes[0]
    while len(node.users) == 1:
        module = module_of(net, node)
        if isinstance(module, nn.Conv2d):
            called = sum(other.target == node.target for other in net.graph.nodes)
            return None if is_grouped(module) or called > 1 else module
        if not isinstance(module, Op) or module.op_type not in CHANNELWISE or len(node.all_input_nodes) != 1:
            return None
        node = node.all_input_nodes[0]
    return None
