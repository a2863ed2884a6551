"""The mean error of changed weights: what the outputs shift by, whatever the kind of layer."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from parefront.compressors.repair.bias_correction import correct_biases, input_means, mean_error
from parefront.spaces.network.layers import SequenceLinear

from ...flat import chain, images

LAYERS = {
    "conv": (nn.Conv2d(8, 12, 3), images(16, 8, 6, 6)),
    "strided 1d": (nn.Conv1d(8, 12, 1, stride=2), images(16, 8, 6)),
    "grouped": (nn.Conv2d(8, 12, 1, groups=4), images(16, 8, 6, 6)),
    "depthwise": (nn.Conv2d(8, 16, 1, groups=8), images(16, 8, 6, 6)),
    "linear": (nn.Linear(8, 12), images(16, 8)),
    "sequence": (SequenceLinear(8, 12), images(16, 5, 8)),
}


def mean_output(layer: nn.Module, x: Tensor) -> Tensor:
    with torch.no_grad():
        output: Tensor = layer(x)
    channels = output.dim() - 1 if isinstance(layer, nn.Linear) else 1
    return output.mean([axis for axis in range(output.dim()) if axis != channels])


@pytest.mark.parametrize("kind", LAYERS)
def test_it_is_the_shift_of_the_mean_output(kind: str) -> None:
    """Inputs are the same at every place of a channel, so that border and stride make no difference."""
    layer, x = LAYERS[kind]
    x = x.mean(1, keepdim=True).expand_as(x) if kind == "sequence" else x
    if x.dim() > 2 and kind != "sequence":
        x = x.flatten(2).mean(2).view(*x.shape[:2], *[1] * (x.dim() - 2)).expand_as(x)
    net = chain(x, layer=layer)
    (node,) = (node for node in net.graph.nodes if node.op == "call_module")
    error = 0.1 * images(*layer.get_parameter("weight").shape, seed=1)
    before = mean_output(layer, x)
    expected = mean_error(layer, error, input_means(net, [node], x)[node])
    with torch.no_grad():
        layer.get_parameter("weight").add_(error)
    torch.testing.assert_close(mean_output(layer, x) - before, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", ["grouped", "depthwise", "linear"])
def test_other_weights_leave_the_mean_output_as_it_was(kind: str) -> None:
    layer, x = LAYERS[kind]
    net = chain(x, layer=copy.deepcopy(layer))
    (node,) = (node for node in net.graph.nodes if node.op == "call_module")
    weight = layer.get_parameter("weight").detach() * 0.5
    correct_biases(net, {node: weight}, x)
    changed = net.get_submodule("layer")
    assert torch.equal(changed.get_parameter("weight"), layer.get_parameter("weight"))
    changed.get_parameter("weight").data = weight
    shift = float((mean_output(changed, x) - mean_output(layer, x)).abs().max())
    assert shift < 1e-5


def test_a_layer_without_a_bias_gets_none() -> None:
    x = images(4, 8)
    net = chain(x, layer=nn.Linear(8, 4, bias=False))
    (node,) = (node for node in net.graph.nodes if node.op == "call_module")
    correct_biases(net, {node: torch.zeros(4, 8)}, x)
    assert net.get_submodule("layer").bias is None


def test_no_hook_is_left_behind() -> None:
    layer, x = LAYERS["linear"]
    net = chain(x, layer=layer)
    input_means(net, [node for node in net.graph.nodes if node.op == "call_module"], x)
    assert not layer._forward_pre_hooks
