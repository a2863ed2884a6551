"""Ends of stages are found by where the resolution changes, in the uncompressed network and in what is left of it."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from parefront.compressors.context import Context
from parefront.compressors.pipeline import Pipeline
from parefront.compressors.recovery.normalisation import insert_norms
from parefront.compressors.recovery.places import stage_ends, watched
from parefront.compressors.registry import create
from parefront.spaces.network.rebuild import duplicate
from parefront.spaces.network.trace import trace
from parefront.testing.networks import residual
from parefront.testing.specimen import specimen


def test_in_a_residual_network_they_are_the_activations_behind_the_last_sums() -> None:
    held = specimen("residual")
    model, _ = residual()
    assert isinstance(model, nn.Sequential)
    ends = stage_ends(held.net, held.images)
    assert list(ends) == [(16, 16), (8, 8)]
    _, given = watched(held.net, list(ends.values()))(held.images)
    with torch.no_grad():
        wanted = [model[:4](held.images), model[:6](held.images)]  # before the strided block, and before the pooling
    for ours, theirs in zip(given, wanted, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("network", "wanted"),
    [
        ("plain", {(16, 16): "relu_1", (4, 4): "relu_2"}),
        ("depthwise", {(8, 8): "relu6_2", (4, 4): "n4_2"}),
        ("concat", {(8, 8): "relu_4", (4, 4): "relu_5"}),
    ],
)
def test_neither_the_input_nor_gates_nor_pooled_values_are_stages(
    network: str, wanted: dict[tuple[int, int], str]
) -> None:
    held = specimen(network)
    assert stage_ends(held.net, held.images) == wanted


def test_the_slices_of_a_shortcut_are_no_stage() -> None:
    class Sliced(nn.Module):
        """Its shortcut takes every other row, then every other column, and has no weights."""

        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Conv2d(3, 4, 3, padding=1)
            self.second = nn.Conv2d(4, 4, 3, stride=2, padding=1)
            self.head = nn.Linear(4, 5)

        def forward(self, x: Tensor) -> Tensor:
            x = F.relu(self.first(x))
            x = F.relu(self.second(x) + x[:, :, ::2][:, :, :, ::2])
            head: Tensor = self.head(x.mean((2, 3)))
            return head

    images = torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    assert list(stage_ends(trace(Sliced().eval(), images).net, images)) == [(8, 8), (4, 4)]


def test_a_network_that_lost_its_last_block_ends_the_stage_elsewhere() -> None:
    held = specimen("residual")
    pipeline = Pipeline.of([create("drop_blocks", {})], held.graph)
    net = pipeline.structured(
        held.net, pipeline.space.uniform({"drop_blocks": True}), Context(held.graph, held.calibration)
    )
    whole, left = stage_ends(held.net, held.images), stage_ends(net, held.images)
    assert list(left) == list(whole)
    assert left != whole


def test_with_norms_behind_convolutions_the_places_are_the_same() -> None:
    held = specimen("residual")
    net = duplicate(held.net)
    insert_norms(net, held.images)
    assert stage_ends(net, held.images) == stage_ends(held.net, held.images)


def test_a_network_without_resolution_has_none() -> None:
    inputs = torch.randn(4, 6, generator=torch.Generator().manual_seed(0))
    net = trace(nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3)).eval(), inputs).net
    assert stage_ends(net, inputs) == {}


def test_to_train_the_watched_network_is_to_train_the_network() -> None:
    net = duplicate(specimen("residual").net)
    seen = watched(net, [*stage_ends(net, specimen("residual").images).values()])
    assert {id(p) for p in seen.parameters()} == {id(p) for p in net.parameters()}
