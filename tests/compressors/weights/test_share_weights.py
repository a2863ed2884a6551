"""Shared weights: few values, zeros kept, and short indices in the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, fx

from parefront.compressors.registry import create
from parefront.compressors.weights.kmeans import centroids_of
from parefront.compressors.weights.share_weights import ShareOptions, share
from parefront.evaluators.quality.accuracy import open_session
from parefront.evaluators.quality.parity import check_parity
from parefront.spaces.errors import ConfigError
from parefront.spaces.network.emit import emit, serialize
from parefront.testing.specimen import specimen

from ...flat import chain, conv, images
from ..conftest import MakeBench

COUNT = 64 * 64 * 9


def weight_of(net: fx.GraphModule, layer: str) -> Tensor:
    return {name.replace("layer.", ""): p for name, p in net.named_parameters()}[f"{layer}.weight"].detach()


@pytest.mark.parametrize("clusters", [4, 16, 64, 256])
def test_every_weight_becomes_the_nearest_centroid_of_its_layer(clusters: int, bench: MakeBench) -> None:
    subject = bench("plain", share_weights={})
    before, after = (
        weight_of(net, "2.0").numpy().ravel() for net in (subject.net, subject.apply({"share_weights/2.0": clusters}))
    )
    centroids = centroids_of(before, clusters)
    assert len(np.unique(after)) <= clusters
    expected = centroids[np.abs(before[:, None] - centroids).argmin(1)]
    np.testing.assert_allclose(after, expected, rtol=1e-6)


def test_more_clusters_are_nearer_to_the_uncompressed_network(bench: MakeBench) -> None:
    subject = bench("residual", share_weights={})
    errors = [subject.error(subject.uniform(share_weights=clusters)) for clusters in (256, 64, 16, 4)]
    assert errors == sorted(errors)
    assert errors[0] < 0.05


def test_bias_correction_keeps_outputs_nearer_to_the_uncompressed_networks(bench: MakeBench) -> None:
    with_it, without = (bench("residual", share_weights={"bias_correction": wanted}) for wanted in (True, False))
    assert with_it.error(with_it.uniform(share_weights=16)) < without.error(without.uniform(share_weights=16))


def test_zeros_stay_zeros_and_count_as_a_cluster() -> None:
    weight = images(64, 64)
    weight[weight.abs() < 1] = 0
    for clusters in (2, 4, 16, 256):
        shared = share(weight, clusters)
        assert torch.equal(shared == 0, weight == 0)
        assert len(np.unique(shared.numpy())) <= clusters


def test_a_weight_of_few_values_is_left_as_it_is() -> None:
    weight = torch.tensor([0.0, 0.5, -2.0]).repeat(500).view(10, 150)
    assert torch.equal(share(weight, 4), weight)
    assert torch.equal(share(torch.zeros(4, 4), 4), torch.zeros(4, 4))


@pytest.mark.parametrize(("clusters", "bits"), [(256, 8), (16, 4), (4, 2), (2, 1)])
def test_the_file_holds_a_short_index_for_each_weight_and_a_table(clusters: int, bits: int, bench: MakeBench) -> None:
    x = images(4, 64, 4, 4)
    net = chain(x, a=conv(64, 64))
    shared = bench(net, x, share_weights={}).apply({"share_weights/a": clusters})
    stored = len(serialize(shared, x)) - (len(serialize(net, x)) - 4 * COUNT)
    assert 0 <= stored - COUNT * bits / 8 < 4 * clusters + 1000
    if clusters == 16:
        assert stored < 1.1 * (COUNT * 4 / 8 + 4 * clusters)


def test_pruned_before_indices_are_as_short_and_zeros_take_a_bit(bench: MakeBench) -> None:
    x = images(4, 64, 4, 4)
    net = chain(x, a=conv(64, 64))
    subject = bench(net, x, prune_weights={}, share_weights={})
    both = subject.apply({"prune_weights/a": 0.9, "share_weights/a": 16})
    stored = len(serialize(both, x)) - (len(serialize(net, x)) - 4 * COUNT)
    assert 0 < stored - (COUNT / 8 + 0.1 * COUNT * 4 / 8) < 2300


def test_choices_are_mildest_first_and_those_that_save_nothing_are_left_out() -> None:
    assert ShareOptions(clusters=(4, 256, 16)).clusters == (0, 256, 16, 4)
    knobs = create("share_weights").plan(specimen("residual").graph).knobs
    assert {knob.choices for knob in knobs} == {(0, 256, 64, 16, 4)}
    assert {knob.neutral for knob in knobs} == {0}


@pytest.mark.parametrize("others", [{"quantize": 8}, {"prune_weights": 0.7, "quantize": 8}, {"prune_weights": 0.7}])
def test_it_goes_together_with_the_other_methods(others: dict[str, Any], bench: MakeBench, tmp_path: Path) -> None:
    subject = bench("residual", **{name: {} for name in others}, share_weights={})
    net = subject.uniform(share_weights=16, **others)
    artifact = emit(net, tmp_path / "shared.onnx", subject.calibration.example)
    assert check_parity(open_session(artifact.path, threads=1), net, subject.calibration.inputs) < 0.01


@pytest.mark.parametrize("clusters", [[1], [512], [-4], []])
def test_numbers_of_clusters_that_cannot_be_are_refused_in_one_line(clusters: list[int]) -> None:
    with pytest.raises(ConfigError, match=r"share_weights: clusters: .*each from 2 to 256") as refused:
        create("share_weights", {"clusters": clusters})
    assert len(str(refused.value).splitlines()) == 1
