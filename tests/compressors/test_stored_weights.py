"""What pruned and shared weights have in common: the layers it pays for, chains of parts, biases, the packed file."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from parefront.compressors.stored_weights import SMALLEST, parts_of, store, worthwhile
from parefront.evaluators.emit import serialize
from parefront.spaces import Choice, is_packed, replace_layer
from parefront.testing import specimen

from ..flat import chain, conv, images, relu
from .conftest import MakeBench

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
    (knob,) = subject.compressors[0].knobs(subject.graph)
    mildest = subject.apply({knob.name: knob.choices[1]})
    assert len(serialize(mildest, x)) < len(serialize(net, x))


@pytest.mark.parametrize(("method", "choice"), METHODS)
def test_all_large_parts_of_a_factorised_layer_are_changed(method: str, choice: Choice, bench: MakeBench) -> None:
    x = images(4, 64, 4, 4)
    net = chain(x, a=conv(64, 64), act=relu(), b=conv(64, 8))
    subject = bench(net, x, **{method: {}})
    replace_layer(net, "a", [nn.Conv2d(64, 32, 1, bias=False), conv(32, 8), nn.Conv2d(8, 64, 1)])
    (compressor,) = subject.compressors
    chained = compressor.apply(net, {"a": choice}, subject.calibration)
    packed = {name: is_packed(chained.get_submodule(name)) for name in ("a_part1", "a_part2", "a", "b")}
    assert packed == {"a_part1": True, "a_part2": True, "a": False, "b": False}
    assert values(chained.get_submodule("a_part1").get_parameter("weight")) < 32 * 64
    assert torch.isfinite(chained(x)).all()


@pytest.mark.parametrize(("method", "choice"), METHODS)
def test_layers_that_a_dropped_block_took_along_are_passed_over(method: str, choice: Choice, bench: MakeBench) -> None:
    subject = bench("residual", drop_blocks={}, **{method: {}})
    net = subject.apply({"drop_blocks/2": True, f"{method}/2.conv1.0": choice, f"{method}/3.conv1.0": choice})
    assert parts_of(net, "2.conv1.0") == {}
    assert is_packed(net.get_submodule("3.conv1.0"))


@pytest.mark.parametrize(("method", "choice"), METHODS)
def test_bias_correction_keeps_outputs_nearer_to_the_uncompressed_networks(
    method: str, choice: Choice, bench: MakeBench
) -> None:
    with_it, without = (bench("concat", **{method: {"bias_correction": wanted}}) for wanted in (True, False))
    assert with_it.error(with_it.uniform(**{method: choice})) < without.error(without.uniform(**{method: choice}))


@pytest.mark.parametrize(
    ("x", "layer"),
    [
        (images(64, 8, 6, 6) + 1, nn.Conv2d(8, 32, 3)),
        (images(64, 16, 6, 6) + 1, nn.Conv2d(16, 64, 3, groups=4)),
        (images(64, 32) + 1, nn.Linear(32, 64)),
    ],
)
def test_means_of_outputs_are_kept_where_there_is_no_border(x: Tensor, layer: nn.Module, bench: MakeBench) -> None:
    net = chain(x[:1], a=layer)
    shifts = {}
    for correction in (True, False):
        pruned = bench(net, x, prune_weights={"bias_correction": correction}).apply({"prune_weights/a": 0.8})
        with torch.no_grad():
            change = pruned(x) - net(x)
        shifts[correction] = float((change.flatten(2).mean(2) if x.dim() > 2 else change).mean(0).abs().max())
    assert shifts[True] < 0.2 * shifts[False]


def test_a_part_without_a_bias_gets_none() -> None:
    x = images(4, 32)
    net = chain(x, a=nn.Linear(32, 32, bias=False))
    parts = parts_of(net, "a")
    store(net, {node: weight / 2 for node, weight in parts.items()}, specimen("plain").calibration, False)
    assert net.get_submodule("a").bias is None
