"""Weights become zero in the course of training, as many as the schedule says, and stay so in the file."""

from __future__ import annotations

import functools
from typing import Any

import pytest
import torch
from torch import Tensor, fx

from parefront.compressors.context import Context
from parefront.compressors.pipeline import Pipeline
from parefront.compressors.recovery.batches.augment import Augmentation
from parefront.compressors.recovery.batches.sources import Samples
from parefront.compressors.recovery.losses.outputs import squared_error
from parefront.compressors.recovery.recipe import Recipe
from parefront.compressors.recovery.sparsity import GROWS, Sparsity, cubic_sparsity
from parefront.compressors.recovery.stream import Stream
from parefront.compressors.recovery.training import Training
from parefront.compressors.registry import create
from parefront.spaces.network.rebuild import duplicate
from parefront.spaces.policy import Policy
from parefront.testing.networks import random_images
from parefront.testing.specimen import specimen

STEPS, SPARSE = 40, 0.9
IMAGES = random_images(256, seed=5)


@functools.cache
def pipeline(**options: Any) -> Pipeline:
    return Pipeline.of([create("prune_weights", {"sparsities": [0.5, SPARSE], **options})], specimen("residual").graph)


def policy(sparsity: float = SPARSE, **options: Any) -> Policy:
    return pipeline(**options).space.uniform({"prune_weights": sparsity})


def begin(when: str, begun: bool = False, steps: int = STEPS, ema: float | None = None) -> Training:
    held, recipe = specimen("residual"), Recipe(batch=32, ema=ema)
    source = Samples(lambda rows: (IMAGES[torch.from_numpy(rows)], None), len(IMAGES), recipe.batch)
    stream, net = Stream(source, held.net, Augmentation(("flip",))), duplicate(held.net)
    masks = pipeline().masks_of(policy())
    assert masks is not None
    sparsity = None if when == "after" else Sparsity(masks, net, steps, when, begun)
    return Training(net, stream, recipe, steps, 0.1, held.images, sparsity=sparsity)


def trained(when: str, **how: Any) -> fx.GraphModule:
    training = begin(when, **how)
    while training.done < training.steps:
        training.step()
    return training.finish()


def finished(net: fx.GraphModule) -> fx.GraphModule:
    held = specimen("residual")
    return pipeline().finished(duplicate(net), policy(), Context(held.graph, held.calibration))


def weights(net: fx.GraphModule) -> dict[str, Tensor]:
    """Those of the layers that the policy prunes."""
    return {name: net.get_parameter(f"{name}.weight") for name in policy().of("prune_weights")}


def zeros(net: fx.GraphModule) -> dict[str, int]:
    return {name: int((weight == 0).sum()) for name, weight in weights(net).items()}


def wanted(share: float = 1.0) -> dict[str, int]:
    return {
        name: int(share * SPARSE * weight.numel() + 1e-6) for name, weight in weights(specimen("residual").net).items()
    }


@pytest.mark.parametrize(
    ("step", "sparsity"), [(0, 0.1), (100, 0.1), (150, 0.8), (200, 0.9), (900, 0.9), (125, 0.9 - 0.8 * 27 / 64)]
)
def test_the_cubic_schedule_is_the_papers(step: int, sparsity: float) -> None:
    assert cubic_sparsity(step, 0.1, 0.9, 100, 100) == pytest.approx(sparsity)


def test_zeros_become_more_as_the_schedule_says_and_stay() -> None:
    before: dict[str, Tensor] = {}
    training = begin("cubic")
    for step in range(STEPS):
        training.step()
        share = cubic_sparsity(step, 0.0, 1.0, 0.0, GROWS * STEPS)
        assert zeros(training.net) == pytest.approx(wanted(share), abs=60)
        for name, weight in weights(training.net).items():
            was = before.get(name, torch.zeros_like(weight, dtype=torch.bool))
            assert bool((weight[was] == 0).all())
            before[name] = weight == 0
    assert zeros(training.net) == wanted()


@pytest.mark.parametrize(
    "how", [{"when": "once"}, {"when": "cubic"}, {"when": "cubic", "ema": 0.8}, {"when": "cubic", "steps": 2}]
)
def test_the_file_has_exactly_the_zeros_of_the_policy_and_those_of_training(how: dict[str, Any]) -> None:
    net = trained(**how)
    made = finished(net)
    assert zeros(net) == wanted()
    for name, weight in weights(net).items():
        assert torch.equal(made.get_parameter(f"{name}.layer.weight") == 0, weight == 0)
    images = random_images(64, seed=9)
    with torch.no_grad():
        torch.testing.assert_close(made(images), net(images), rtol=1e-3, atol=1e-3)


def test_a_second_round_begins_with_the_zeros_of_the_first() -> None:
    training = begin("cubic", begun=True)
    training.step()
    assert zeros(training.net) == wanted()


def test_growing_loses_less_than_pruning_after_training_and_once_before_it() -> None:
    images, held = random_images(128, seed=9), specimen("residual")
    with torch.no_grad():
        lost = {
            when: squared_error(finished(trained(when))(images), held.net(images)).item()
            for when in ("after", "once", "cubic")
        }
    assert lost["cubic"] < lost["once"] < lost["after"]


@pytest.mark.parametrize("stopped", [7, 30])
def test_a_training_goes_on_from_a_kept_state_to_the_last_bit(stopped: int) -> None:
    whole, first, second = begin("cubic"), begin("cubic"), begin("cubic")
    for _ in range(STEPS):
        whole.step()
    for _ in range(stopped):
        first.step()
    second.resume(first.state())
    for _ in range(STEPS - stopped):
        second.step()
    ours, theirs = second.finish().state_dict(), whole.finish().state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_of_a_pattern_ever_fewer_of_every_m_are_kept() -> None:
    masks = pipeline(pattern="1:4").masks_of(policy(0.75, pattern="1:4"))
    assert masks is not None
    for share, kept in ((0.0, 4), (0.5, 3), (0.7, 2), (1.0, 1)):
        for mask in masks(specimen("residual").net, share).values():
            whole = mask.flatten(1)[:, : mask[0].numel() // 4 * 4].reshape(-1, 4)
            assert bool((whole.sum(1) == kept).all())


def test_a_global_threshold_has_its_share_of_all_zeros_together() -> None:
    masks = pipeline(scope="global").masks_of(policy(scope="global"))
    assert masks is not None
    kept = masks(specimen("residual").net, 0.5)
    total = sum(mask.numel() for mask in kept.values())
    assert sum(int((~mask).sum()) for mask in kept.values()) == int(0.5 * SPARSE * total + 1e-6)


def test_a_policy_that_prunes_no_weights_has_no_masks() -> None:
    assert pipeline().masks_of(Policy()) is None
