"""What pruned and shared weights have in common: the layers it pays for, chains of parts, biases, the packed file."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from parefront.compressors.latent import StoredLayer
from parefront.compressors.weights.stored_weights import SMALLEST, parts_of, worthwhile
from parefront.spaces.knob import Choice
from parefront.spaces.network.channels.parts import replace_layer
from parefront.spaces.network.emit import serialize
from parefront.spaces.network.packing import is_packed
from parefront.testing.specimen import specimen

from ...flat import chain, conv, images, relu
from ..conftest import MakeBench

METHODS: list[tuple[str, Choice]] = [("prune_weights", 0.8), ("share_weights", 4)]


def values(weight: Tensor) -> int:
    return len(np.unique(weight.detach().numpy()))


@pytest.mark.parametrize("network", ["plain", "depthwise"])
def test_layers_are_worth_it_from_a_certain_number_of_weights(network: str) -> None:
    subject = specimen(network)
    sizes = {
        layer.name: subject.net.get_submodule(layer.name).get_parameter("weight").numel() for layer in subject.graph
    }
    assert {layer.name: count for layer, count in worthwhile(subject.graph)} == {
        name: size for name, size in sizes.items() if size >= SMALLEST
    }


@pytest.mark.parametrize(("method", "choice"), METHODS)
def test_the_smallest_layer_that_has_a_knob_saves_bytes_even_alone(
    method: str, choice: Choice, bench: MakeBench
) -> None:
    x = images(4, 32)
    net = chain(x, a=nn.Linear(32, SMALLEST // 32))
    subject = bench(net, x, **{method: {}})
    (knob,) = subject.compressors[0].plan(subject.graph).knobs
    mildest = subject.apply({knob.name: knob.choices[1]})
    assert len(serialize(mildest, x)) < len(serialize(net, x))


@pytest.mark.parametrize(("method", "choice"), METHODS)
def test_all_large_parts_of_a_factorised_layer_are_changed(method: str, choice: Choice, bench: MakeBench) -> None:
    x = images(4, 64, 4, 4)
    net = chain(x, a=conv(64, 64), act=relu(), b=conv(64, 8))
    subject = bench(net, x, **{method: {}})
    replace_layer(net, "a", [nn.Conv2d(64, 32, 1, bias=False), conv(32, 8), nn.Conv2d(8, 64, 1)])
    net.recompile()
    (plan,) = subject.pipeline.plans
    chained = plan.apply(net, {"a": choice}, subject.context)
    packed = {name: is_packed(chained.get_submodule(name)) for name in ("a_part1", "a_part2", "a", "b")}
    assert packed == {"a_part1": True, "a_part2": True, "a": False, "b": False}
    assert values(chained.get_submodule("a_part1").get_parameter("weight")) < 32 * 64
    assert torch.isfinite(chained(x)).all()


@pytest.mark.parametrize(("method", "choice"), METHODS)
def test_layers_that_a_dropped_block_took_along_are_passed_over(method: str, choice: Choice, bench: MakeBench) -> None:
    subject = bench("residual", drop_blocks={}, **{method: {}})
    net = subject.apply({"drop_blocks/2": True, f"{method}/2.conv1.0": choice, f"{method}/3.conv1.0": choice})
    assert parts_of(net, "2.conv1.0") == {}
    assert isinstance(net.get_submodule("3.conv1.0"), StoredLayer)
