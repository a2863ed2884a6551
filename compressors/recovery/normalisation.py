"""Batch norms for the time of training: put behind convolutions, and folded into them again."""

from __future__ import annotations

import torch
from torch import Tensor, fx, nn

from ...spaces.network.layers import ChannelNorm
from ...spaces.tensors.batch import Tensors
from ..integers.codes import by_channel
from ..integers.stepped import SteppedLayer
from ..repair.renormalize import output_statistics
from ..statistics.sampling import module_of

SUFFIX = "_recovery_norm"
MOMENTUM = 0.1
SMALLEST = 1e-6
"""A channel whose deviation, or whose folded factor, is below this has no scale to train."""


def insert_norms(net: fx.GraphModule, inputs: Tensors) -> list[str]:
    """Put a batch norm behind every convolution that is called once, in place; the network computes the same.

    Tracing folds the user's batch norms into the convolutions, so that the network is what the file will hold. With
    them it trains better: the statistics of each batch keep activations in range while weights move. A convolution
    that had a norm gets the weights back that the user trained, W / f, where f = γ/σ is the factor that was folded in.
    The norm is given the mean m and the variance v of what those weights give on ``inputs``, the scale
    γ = f·√(v + ε) and the shift β = b + f·m, b being the bias: as its statistics stand, it gives what was there before.

    A convolution whose parameters are not trained has none.

    Of a convolution in integers whose steps are trained, the steps of its channels are divided by f, too: a factor for
    each output channel changes no integer. Where channels share a step, or equal weights are to stay equal, there is no
    norm.

    Args:
        net: of floats, or with trained steps (:mod:`.steps`); changed in place.
        inputs: on which the statistics are taken, shape ``(n, …)``.

    Returns:
        The names of the modules that were added, for :func:`fold_norms`.
    """
    calls: dict[str, list[fx.Node]] = {}
    for node in net.graph.nodes:
        if _takes_norm(module_of(net, node)):
            calls.setdefault(str(node.target), []).append(node)
    once = [nodes[0] for nodes in calls.values() if len(nodes) == 1]
    statistics = output_statistics(net, once, inputs)
    added = []
    for node in once:
        name = f"{node.name}{SUFFIX}"
        net.add_submodule(name, _norm_of(net.get_submodule(str(node.target)), *statistics[node]))
        with net.graph.inserting_after(node):
            norm = net.graph.call_module(name, (node,))
        node.replace_all_uses_with(norm)
        norm.args = (node,)
        added.append(name)
    net.recompile()
    return added


def estimate_statistics(net: fx.GraphModule, inputs: Tensors, batch: int = 128) -> None:
    """Give the norms of :func:`insert_norms` the mean and the variance that they see on ``inputs``, in place.

    While weights moved, the running statistics followed them with a lag. All norms are estimated in one pass, each on
    what those before it give with the statistics of the batch, as in training.
    """
    norms = [module for name, module in net.named_modules() if name.endswith(SUFFIX)]
    for norm in norms:
        assert isinstance(norm, nn.BatchNorm2d)
        norm.reset_running_stats()
        norm.momentum = None  # then they are the mean over all batches
    with torch.no_grad():
        net.train()
        for start in range(0, len(inputs), batch):
            net(inputs[start : start + batch])
        net.eval()


def fold_norms(net: fx.GraphModule) -> None:
    """Fold the norms of :func:`insert_norms` into their convolutions again, in place, by their running statistics.

    The graph is what it was before they were inserted.
    """
    for node in list(net.graph.nodes):
        if node.op != "call_module" or not str(node.target).endswith(SUFFIX):
            continue
        norm, source = net.get_submodule(str(node.target)), node.all_input_nodes[0]
        assert isinstance(norm, nn.BatchNorm2d)
        assert norm.running_mean is not None
        assert norm.running_var is not None
        held = net.get_submodule(str(source.target))
        layer = _float_layer(held)
        bias = layer.get_parameter("bias")
        with torch.no_grad():
            factor = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
            _scale_channels(held, factor)
            bias.copy_(norm.bias - factor * norm.running_mean)
        bias.requires_grad_(True)
        if "norm_factor" in dict(layer.named_buffers(recurse=False)):
            layer.get_buffer("norm_factor").copy_(factor.detach())
        node.replace_all_uses_with(source)
        net.graph.erase_node(node)
    net.delete_all_unused_submodules()
    net.recompile()


def _takes_norm(module: nn.Module | None) -> bool:
    """Whether a norm behind a module can be folded into it."""
    if isinstance(module, SteppedLayer):
        return module.can_scale_channels and _takes_norm(module.layer)
    return isinstance(module, nn.Conv1d | nn.Conv2d | nn.Conv3d) and module.weight.requires_grad


def _norm_of(held: nn.Module, mean: Tensor, deviation: Tensor) -> ChannelNorm:
    """The norm for a layer of which the outputs have that mean and deviation; the layer's scale and bias go into it."""
    layer = _float_layer(held)
    bias = layer.get_parameter("bias")
    folded = dict(layer.named_buffers(recurse=False)).get("norm_factor", torch.ones_like(mean))
    factor = torch.where(folded.abs() > SMALLEST, folded, 1.0)
    norm = ChannelNorm(len(mean), momentum=MOMENTUM)
    with torch.no_grad():
        _scale_channels(held, 1 / factor)
        norm.running_mean = (mean - bias) / factor
        norm.running_var = (deviation / factor).square()
        norm.weight.copy_(factor * torch.sqrt(norm.running_var + norm.eps))
        norm.bias.copy_(mean)
        bias.zero_()
    bias.requires_grad_(False)  # a shift before a norm has no effect
    return norm.eval()


def _float_layer(held: nn.Module) -> nn.Module:
    """The convolution whose parameters are trained: itself, or the one that is held in integers."""
    return held.layer if isinstance(held, SteppedLayer) else held


def _scale_channels(held: nn.Module, factor: Tensor) -> None:
    """Multiply the weights of each output channel, in place."""
    if isinstance(held, SteppedLayer):
        held.scale_channels(factor)
    else:
        weight = held.get_parameter("weight")
        weight.mul_(by_channel(factor, weight))
