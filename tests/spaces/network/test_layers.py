"""Layers of a rebuilt network: what they were before folding, and where their channels came from after cutting."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from parefront.spaces.network.layers import (
    PaddedConv2d,
    conv_attributes,
    keep_inputs,
    keep_outputs,
    norm_of,
    origin_of,
    set_norm,
    set_origin,
    weight_matrix,
)


def test_the_weight_is_given_as_it_was_before_the_batch_norm_was_folded_in() -> None:
    conv, factor = nn.Conv2d(3, 4, 3), torch.tensor([0.5, -2.0, 1e-3, 1.0])
    trained = conv.weight.detach().clone()
    conv.weight.data *= factor.view(-1, 1, 1, 1)
    set_norm(conv, factor * 2, torch.zeros(4), factor)
    torch.testing.assert_close(weight_matrix(conv), trained.flatten(1))
    norm = norm_of(conv)
    assert norm is not None
    assert torch.equal(norm[0], factor * 2)


def test_a_channel_that_the_batch_norm_had_switched_off_has_no_weight() -> None:
    conv = nn.Conv2d(3, 2, 1)
    conv.weight.data[0] = 0
    set_norm(conv, torch.tensor([0.0, 1.0]), torch.zeros(2), torch.tensor([0.0, 1.0]))
    assert not weight_matrix(conv)[0].any()
    assert torch.isfinite(weight_matrix(conv)).all()


def test_a_layer_without_a_batch_norm_has_its_own_weight() -> None:
    linear = nn.Linear(3, 4)
    assert norm_of(linear) is None
    assert torch.equal(weight_matrix(linear), linear.weight)


def test_channels_remember_their_origin_through_every_cut() -> None:
    conv = nn.Conv2d(2, 8, 3)
    whole = conv.weight.detach().clone()
    set_origin(conv)
    set_norm(conv, torch.arange(8.0), torch.arange(8.0), torch.ones(8))
    keep_outputs(conv, torch.tensor([1, 3, 4, 6]))
    keep_outputs(conv, torch.tensor([0, 2, 3]))
    assert origin_of(conv).tolist() == [1, 4, 6]
    assert torch.equal(conv.weight, whole[[1, 4, 6]])
    norm = norm_of(conv)
    assert norm is not None
    assert norm[0].tolist() == [1, 4, 6]
    assert conv.out_channels == 3
    assert conv(torch.ones(1, 2, 5, 5)).shape == (1, 3, 3, 3)


def test_inputs_are_cut_from_weight_alone() -> None:
    linear = nn.Linear(6, 4)
    whole = linear.weight.detach().clone()
    keep_inputs(linear, torch.tensor([0, 5]))
    assert torch.equal(linear.weight, whole[:, [0, 5]])
    assert linear.in_features == 2
    assert linear.out_features == 4


def test_norms_are_cut_with_their_statistics() -> None:
    batch, layer = nn.BatchNorm2d(4).eval(), nn.LayerNorm(4)
    assert batch.running_mean is not None
    batch.running_mean.copy_(torch.arange(4.0))
    for norm in (batch, layer):
        keep_outputs(norm, torch.tensor([1, 2]))
    assert batch.running_mean.tolist() == [1, 2]
    assert batch(torch.ones(2, 2, 3, 3)).shape == (2, 2, 3, 3)
    assert layer(torch.ones(5, 2)).shape == (5, 2)


def test_asymmetric_padding_is_top_and_left_first_in_onnx() -> None:
    conv = PaddedConv2d(3, 4, 3, stride=2)
    conv.pads = (0, 1, 2, 3)
    x = torch.randn(2, 3, 8, 8)
    assert torch.equal(conv(x), F.conv2d(F.pad(x, (0, 1, 2, 3)), conv.weight, conv.bias, 2))
    assert conv_attributes(conv)["pads"] == [2, 0, 3, 1]
    assert conv_attributes(nn.Conv2d(3, 4, (3, 5), padding=(1, 2)))["pads"] == [1, 2, 1, 2]
