"""A student's inside is compared with its teacher's, through a projection where it is narrower."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import fx

from parefront.compressors.context import Context
from parefront.compressors.pipeline import Pipeline
from parefront.compressors.recovery.losses.features import features
from parefront.compressors.recovery.losses.hints import Hints
from parefront.compressors.recovery.places import stage_ends
from parefront.compressors.recovery.teachers import Teachers
from parefront.compressors.registry import create
from parefront.spaces.errors import Infeasible
from parefront.spaces.network.rebuild import duplicate
from parefront.testing.specimen import Specimen, specimen


def held() -> Specimen:
    return specimen("residual")


@pytest.fixture(scope="module")
def teachers() -> Teachers:
    return Teachers(held().net, places=stage_ends(held().net, held().images))


@pytest.fixture(scope="module")
def narrow() -> fx.GraphModule:
    pipeline = Pipeline.of([create("prune_channels", {"round_to": 4, "compensate": "none"})], held().graph)
    policy = pipeline.space.uniform({"prune_channels": 0.5})
    return pipeline.structured(held().net, policy, Context(held().graph, held().calibration))


def loss_of(hints: Hints, teachers: Teachers) -> torch.Tensor:
    return hints.loss(hints.run(held().images)[1], teachers(held().images).features)


def test_an_unchanged_network_has_nothing_to_learn(teachers: Teachers) -> None:
    hints = Hints(duplicate(held().net), teachers, {"features": 1.0, "similarity": 1.0}, held().images)
    assert loss_of(hints, teachers).item() == pytest.approx(0.0, abs=1e-5)
    assert not list(hints.projections.parameters())


def test_it_gives_the_outputs_that_the_network_gives(teachers: Teachers, narrow: fx.GraphModule) -> None:
    (outputs,), _ = Hints(narrow, teachers, {"attention": 1.0}, held().images).run(held().images)
    torch.testing.assert_close(outputs, narrow(held().images))


def test_the_losses_are_weighted_and_averaged_over_the_places(teachers: Teachers, narrow: fx.GraphModule) -> None:
    one, other, both = (
        loss_of(Hints(narrow, teachers, losses, held().images), teachers).item()
        for losses in ({"attention": 1.0}, {"similarity": 1.0}, {"mse": 1.0, "attention": 2.0, "similarity": 0.5})
    )
    assert both == pytest.approx(2 * one + 0.5 * other, rel=1e-5)


def test_a_narrower_layer_begins_with_the_projection_of_least_squares(
    teachers: Teachers, narrow: fx.GraphModule
) -> None:
    hints = Hints(narrow, teachers, {"features": 1.0}, held().images)
    wanted = []
    for ours, theirs in zip(hints.run(held().images)[1], teachers(held().images).features.values(), strict=True):
        assert ours.shape[1] < theirs.shape[1]
        x, y = (t.detach().movedim(1, -1).flatten(0, -2).double().numpy() for t in (ours, theirs))
        x = np.concatenate([x, np.ones((len(x), 1))], axis=1)
        fitted = torch.from_numpy(x @ np.linalg.lstsq(x, y, rcond=None)[0])
        wanted.append(features(fitted, torch.from_numpy(y)).item())
    assert loss_of(hints, teachers).item() == pytest.approx(np.mean(wanted), rel=1e-2)
    assert [layer.weight.shape for layer in hints.projections.children()] == [(16, 8), (32, 16)]


def test_the_projections_are_no_part_of_the_network(teachers: Teachers, narrow: fx.GraphModule) -> None:
    before = dict(narrow.named_parameters())
    hints = Hints(narrow, teachers, {"cosine": 1.0}, held().images)
    assert dict(narrow.named_parameters()).keys() == before.keys()
    loss_of(hints, teachers).backward()  # type: ignore[no-untyped-call]
    assert all(p.grad is not None for p in hints.projections.parameters())
    for parameter in narrow.parameters():
        parameter.grad = None


def test_networks_without_a_common_resolution_cannot_be_compared(teachers: Teachers) -> None:
    images = torch.zeros(4, 3, 20, 20)
    with pytest.raises(Infeasible, match="inside"):
        Hints(duplicate(held().net), teachers, {"features": 1.0}, images)
