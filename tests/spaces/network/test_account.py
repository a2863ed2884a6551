"""Every layer of a model is offered, or listed with a reason in the user's words."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable

import pytest
import torch
import torchvision.models
from torch import nn

from parefront.spaces.network.account import account
from parefront.spaces.network.export import export
from parefront.spaces.network.graph import ModelGraph
from parefront.spaces.network.rebuild import rebuild
from parefront.spaces.network.trace import describe, trace

from ...flat import images
from ..tied import trained
from ..zoo import ZOO


@functools.cache
def traced(name: str) -> tuple[nn.Module, ModelGraph]:
    torch.manual_seed(0)
    model = trained(ZOO[name]())
    return model, trace(model, images(2, 3, 32, 32)).graph


def params(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def reason(name: str, layer: str) -> str:
    return {exclusion.name: exclusion.reason for exclusion in traced(name)[1].excluded}[layer]


def groups(name: str) -> set[str]:
    return {group.name for group in traced(name)[1].groups}


@pytest.mark.parametrize("name", ZOO)
def test_the_parameters_of_layers_and_of_what_is_listed_add_up_to_the_model_s(name: str) -> None:
    model, graph = traced(name)
    assert sum(layer.owned for layer in graph) + sum(e.params for e in graph.excluded) == params(model)


@pytest.mark.parametrize("name", ZOO)
def test_every_layer_is_written_into_a_group_or_listed(name: str) -> None:
    _, graph = traced(name)
    written = {part.layer for group in graph.groups for part in group.writers}
    assert {layer.name for layer in graph} <= written | {exclusion.name for exclusion in graph.excluded}


@pytest.mark.parametrize("name", ZOO)
def test_no_reason_is_an_exception_s(name: str) -> None:
    for exclusion in traced(name)[1].excluded:
        assert not re.search(r"Error|Expected|invalid for|sizes|tensor", exclusion.reason)


TORCHVISION: dict[str, Callable[[], nn.Module]] = {
    "squeezenet": torchvision.models.squeezenet1_1,
    "shufflenet": lambda: torchvision.models.ShuffleNetV2([2, 2, 2], [24, 48, 96, 192, 1024]),
}
"""With two blocks a stage, one that halves the image and one that does not, where ShuffleNet has up to eight."""


@pytest.mark.parametrize("name", TORCHVISION)
def test_nothing_of_a_network_of_torchvision_is_unaccounted_for(name: str) -> None:
    model = TORCHVISION[name]().eval()
    example = images(2, 3, 64, 64)
    exported = export(model, example)
    layers, others = account(exported.owners, describe(rebuild(exported), example))
    assert sum(layer.owned for layer in layers) + sum(exclusion.params for exclusion in others) == params(model)
    assert all(layer.owned for layer in layers)


def test_a_batch_norm_counts_with_the_layer_that_it_is_folded_into() -> None:
    owned = {layer.name: layer.owned for layer in traced("batch norm")[1]}
    assert owned["0"] == 3 * 16 * 9 + 16 + 2 * 16


def test_the_features_beside_a_spatial_mask_can_be_pruned_and_the_mask_is_left_out_by_itself() -> None:
    assert groups("spatial mask") == {"stem", "inner", "body", "last"}
    assert reason("spatial mask", "mask") == "it has a single channel or a single group of channels"


def test_channels_that_a_mean_makes_one_of_are_left_out_with_its_name() -> None:
    assert groups("spatial attention") == {"inner", "body", "last"}
    assert re.fullmatch(r"Reduce(Mean|Max) '\w+' makes one of its channels", reason("spatial attention", "stem"))


def test_channels_that_become_pixels_are_left_out_and_those_before_can_be_pruned() -> None:
    assert groups("pixel shuffle") == {"first"}
    assert re.fullmatch(r"DepthToSpace '\w+' turns its channels into pixels", reason("pixel shuffle", "up"))


def test_a_skip_beside_a_transposed_convolution_can_be_pruned() -> None:
    assert groups("u-net") == {"down"}
    assert re.fullmatch(r"ConvTranspose '\w+' reads all of its channels, and is not compressed", reason("u-net", "mid"))
    assert reason("u-net", "up") == "no method compresses transposed convolutions (ConvTranspose)"
    assert reason("u-net", "norm") == "it is folded into up, which is not compressed"


def test_a_recurrent_layer_a_norm_a_table_and_a_parameter_are_listed() -> None:
    assert reason("lstm", "lstm") == "no method compresses recurrent layers (LSTM)"
    assert reason("attention", "norm").startswith("no method compresses LayerNormalization")
    assert reason("attention", "scale") == "its parameters are read by Mul, which no method compresses"
    assert "its weight is shared with decoder" in reason("embedding", "table")
