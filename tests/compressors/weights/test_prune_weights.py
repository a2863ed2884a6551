"""Pruned weights: the smallest are zero, as many as asked for, and the file is smaller by them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, fx

from parefront.compressors.integers.quantized import QuantizedLayer
from parefront.compressors.registry import create
from parefront.compressors.weights.prune_weights import prune, prune_pattern
from parefront.compressors.weights.stored_weights import UNPACKING
from parefront.evaluators.quality.accuracy import open_session
from parefront.evaluators.quality.parity import check_parity
from parefront.spaces.errors import ConfigError
from parefront.spaces.network.emit import emit, serialize
from parefront.testing.specimen import specimen

from ...flat import chain, conv, images
from ..conftest import MakeBench

PLAIN: Mapping[str, Any] = {"renormalize": False}


def weight_of(net: fx.GraphModule, layer: str) -> Tensor:
    return {name.replace("layer.", ""): p for name, p in net.named_parameters()}[f"{layer}.weight"].detach()


def sparsity(weight: Tensor) -> float:
    return float((weight == 0).float().mean())


def test_the_smallest_weights_of_a_layer_are_zero_and_the_others_as_they_were(bench: MakeBench) -> None:
    subject = bench("plain", prune_weights=PLAIN)
    before, after = (
        weight_of(net, "2.0").flatten().numpy() for net in (subject.net, subject.apply({"prune_weights/2.0": 0.7}))
    )
    expected = before.copy()
    expected[np.argsort(np.abs(before))[: int(0.7 * before.size)]] = 0
    np.testing.assert_array_equal(after, expected)


def test_as_many_as_asked_for_among_equal_magnitudes() -> None:
    weight = torch.tensor([1.0, -1.0] * 20).view(4, 10)
    assert int((prune(weight, 0.3) == 0).sum()) == 12


def test_layers_that_are_not_chosen_stay(bench: MakeBench) -> None:
    subject = bench("plain", prune_weights={})
    net = subject.apply({"prune_weights/2.0": 0.9})
    for other in ("0.0", "5.0", "9"):
        assert torch.equal(weight_of(net, other), weight_of(subject.net, other))


def test_with_one_threshold_the_smallest_of_all_chosen_layers_go(bench: MakeBench) -> None:
    subject = bench("plain", prune_weights={**PLAIN, "scope": "global"})
    net = subject.apply({"prune_weights/2.0": 0.5, "prune_weights/5.0": 0.9})
    before, after = (torch.cat([weight_of(n, name).flatten() for name in ("2.0", "5.0")]) for n in (subject.net, net))
    count = int(0.5 * 32 * 16 * 9 + 0.9 * 32 * 32 * 9)
    threshold = before.abs().sort().values[count]
    torch.testing.assert_close(after, torch.where(before.abs() < threshold, 0.0, before), rtol=0, atol=0)
    assert sparsity(weight_of(net, "2.0")) != pytest.approx(0.5, abs=1e-3)


@pytest.mark.parametrize(("kept", "of"), [(2, 4), (1, 4), (1, 2), (3, 8)])
def test_a_pattern_keeps_the_greatest_of_every_few_weights_of_an_output(kept: int, of: int) -> None:
    weight = images(3, 5, 3, 3)
    expected = torch.zeros(3, 45)
    for row in range(3):
        for start in range(0, 45, of):
            places = range(start, min(start + of, 45))
            for place in sorted(places, key=lambda p: -abs(float(weight.flatten(1)[row, p])))[:kept]:
                expected[row, place] = weight.flatten(1)[row, place]
    assert torch.equal(prune_pattern(weight, kept, of).flatten(1), expected)


def test_a_pattern_has_one_choice_besides_leaving_things_as_they_are(bench: MakeBench) -> None:
    subject = bench("plain", prune_weights={"pattern": "1:4"})
    (pruner,) = subject.compressors
    assert {knob.choices for knob in pruner.plan(subject.graph).knobs} == {(0.0, 0.75)}
    assert sparsity(weight_of(subject.apply({"prune_weights/2.0": 0.75}), "2.0")) == 0.75


@pytest.mark.parametrize("fraction", [0.5, 0.9])
def test_the_file_holds_a_bit_for_each_weight_and_those_that_are_left(fraction: float, bench: MakeBench) -> None:
    x = images(4, 64, 4, 4)
    net, count = chain(x, a=conv(64, 64)), 64 * 64 * 9
    pruned = bench(net, x, prune_weights={}).apply({"prune_weights/a": fraction})
    stored = len(serialize(pruned, x)) - (len(serialize(net, x)) - 4 * count)
    assert 0 < stored - (count / 8 + (1 - fraction) * 4 * count) < UNPACKING


def test_fractions_that_cost_more_bytes_than_they_save_are_not_offered() -> None:
    (first, *_) = create("prune_weights", {"sparsities": [0.01, 0.05, 0.5]}).plan(specimen("plain").graph).knobs
    assert (first.target, first.choices) == ("2.0", (0.0, 0.5))


def test_zeros_stay_zeros_in_int8_and_make_its_file_smaller_too(bench: MakeBench, tmp_path: Path) -> None:
    subject = bench("residual", prune_weights={}, quantize={})
    x = subject.calibration.example
    net = subject.uniform(prune_weights=0.9, quantize=8)
    layer = net.get_submodule("5.conv2.0")
    assert isinstance(layer, QuantizedLayer)
    assert sparsity(layer.codes) >= 0.899
    artifact = emit(net, tmp_path / "sparse.onnx", x)
    assert check_parity(open_session(artifact.path, threads=1), net, subject.calibration.inputs) < 0.01
    assert artifact.size_bytes < 0.6 * len(serialize(subject.uniform(quantize=8), x))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sparsities": [0.5, 1.0]}, "sparsities: .*each at least 0 and below 1"),
        ({"sparsities": []}, "sparsities: "),
        ({"pattern": "4:2"}, "pattern: .*such as 2:4"),
        ({"pattern": "0:2"}, "pattern: "),
        ({"pattern": "blocks"}, "pattern: .*unstructured, or N:M"),
        ({"scope": "network"}, "scope: .*layer, global"),
        ({"pattern": "2:4", "scope": "global"}, "scope: .*expected layer where there is a pattern"),
    ],
)
def test_options_that_cannot_be_are_refused_in_one_line(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=f"compress.prune_weights: {message}") as refused:
        create("prune_weights", options)
    assert len(str(refused.value).splitlines()) == 1
