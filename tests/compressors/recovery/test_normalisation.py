"""Batch norms for training compute what was there before, and fold back to the weights that were there."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, fx, nn

from parefront.compressors.recovery.normalisation import SUFFIX, estimate_statistics, fold_norms, insert_norms
from parefront.spaces.network.rebuild import duplicate
from parefront.testing.specimen import specimen

NETWORKS = ["plain", "residual", "depthwise", "concat"]


def outputs(net: fx.GraphModule, images: Tensor) -> Tensor:
    with torch.no_grad():
        result: Tensor = net(images)
    return result


@pytest.mark.parametrize("network", NETWORKS)
def test_the_network_computes_the_same_with_them_and_once_they_are_folded(network: str) -> None:
    held = specimen(network)
    net, before = duplicate(held.net), outputs(held.net, held.images)
    nodes = [node.name for node in net.graph.nodes]
    added = insert_norms(net, held.images)
    assert len(added) == sum(isinstance(module, nn.Conv2d) for module in held.net.modules())
    torch.testing.assert_close(outputs(net, held.images), before, rtol=0, atol=1e-5 * float(before.abs().max()))
    fold_norms(net)
    torch.testing.assert_close(outputs(net, held.images), before, rtol=0, atol=1e-5 * float(before.abs().max()))
    assert [node.name for node in net.graph.nodes] == nodes
    assert net.state_dict().keys() == held.net.state_dict().keys()
    assert not any(name.endswith(SUFFIX) for name, _ in net.named_modules())


def test_a_layer_gets_the_weights_that_the_user_trained_back() -> None:
    held = specimen("plain")
    net = duplicate(held.net)
    insert_norms(net, held.images)
    for name, layer in held.net.named_modules():
        if isinstance(layer, nn.Conv2d):
            factor = layer.get_buffer("norm_factor").view(-1, 1, 1, 1)
            torch.testing.assert_close(net.get_submodule(name).get_parameter("weight") * factor, layer.weight)


def test_what_they_learnt_is_folded_in() -> None:
    held = specimen("residual")
    net = duplicate(held.net)
    added = insert_norms(net, held.images)
    with torch.no_grad():
        for name in added:
            net.get_submodule(name).get_parameter("weight").mul_(1.1)
            net.get_submodule(name).get_parameter("bias").add_(0.05)
    estimate_statistics(net, held.images)
    wanted = outputs(net, held.images)
    fold_norms(net)
    torch.testing.assert_close(outputs(net, held.images), wanted, rtol=0, atol=1e-5 * float(wanted.abs().max()))


def test_estimated_statistics_are_those_of_the_batch_that_a_norm_sees() -> None:
    held = specimen("plain")
    net = duplicate(held.net)
    insert_norms(net, held.images)
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, nn.Conv2d):
                module.weight.mul_(1.7)
    estimate_statistics(net, held.images, batch=len(held.images))
    in_eval = outputs(net, held.images)
    in_training = outputs(net.train(), held.images)
    # eval divides by the unbiased variance, training by the biased one: n is 64 images of 16 pixels at least
    torch.testing.assert_close(in_eval, in_training, rtol=0, atol=5e-3 * float(in_training.abs().max()))
