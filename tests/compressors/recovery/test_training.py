"""Training brings a pruned network nearer to its teacher, and goes on from a kept state to the last bit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import fx

from parefront.compressors.context import Context
from parefront.compressors.pipeline import Pipeline
from parefront.compressors.recovery.augment import Augmentation
from parefront.compressors.recovery.losses import squared_error
from parefront.compressors.recovery.precision import BFLOAT16
from parefront.compressors.recovery.rate import rate_for
from parefront.compressors.recovery.recipe import Recipe
from parefront.compressors.recovery.stream import Stream
from parefront.compressors.recovery.training import Training, one_cycle
from parefront.compressors.recovery.weights import read_weights, set_weights, weights_of, write_weights
from parefront.compressors.registry import create
from parefront.spaces.errors import Infeasible, ParefrontError
from parefront.spaces.network.rebuild import duplicate
from parefront.spaces.tensors.one_thread import one_thread
from parefront.testing.networks import random_images
from parefront.testing.specimen import specimen

STEPS = 30
IMAGES = random_images(256, seed=5)
Begin = Callable[..., Training]


@pytest.fixture(scope="module")
def pruned() -> fx.GraphModule:
    """Half of the channels gone, nothing repaired."""
    held = specimen("residual")
    pipeline = Pipeline.of([create("prune_channels", {"round_to": 4, "compensate": "none"})], held.graph)
    policy = pipeline.space.uniform({"prune_channels": 0.5})
    return pipeline.structured(held.net, policy, Context(held.graph, held.calibration))


@pytest.fixture
def begin(pruned: fx.GraphModule) -> Begin:
    held = specimen("residual")

    def made(recipe: Recipe | None = None, rate: float = 0.1, precision: str = "float32") -> Training:
        recipe = recipe or Recipe(batch=32)
        stream = Stream(
            lambda rows: (IMAGES[torch.from_numpy(rows)], None), len(IMAGES), held.net, recipe.batch,
            Augmentation(("flip",)),
        )  # fmt: skip
        return Training(duplicate(pruned), stream, recipe, STEPS, rate, held.images, precision)

    return made


def divergence(net: fx.GraphModule) -> float:
    images = random_images(128, seed=9)
    with torch.no_grad():
        return squared_error(net(images), specimen("residual").net(images)).item()


def run(training: Training, steps: int = STEPS) -> None:
    while training.done < steps:
        training.step()


@pytest.mark.parametrize(
    ("recipe", "rate", "precision"),
    [
        (Recipe(batch=32), 0.3, "float32"),
        (Recipe(batch=32), 0.3, BFLOAT16),
        (Recipe(batch=32, optimiser="adamw", norms=False), 2e-3, "float32"),
    ],
)
def test_it_comes_nearer_to_the_teacher(
    begin: Begin, pruned: fx.GraphModule, recipe: Recipe, rate: float, precision: str
) -> None:
    training = begin(recipe, rate, precision)
    run(training)
    net = training.finish()
    assert divergence(net) < 0.6 * divergence(pruned)
    assert [node.name for node in net.graph.nodes] == [node.name for node in pruned.graph.nodes]
    assert {n: p.shape for n, p in net.named_parameters()} == {n: p.shape for n, p in pruned.named_parameters()}
    assert not net.training
    assert all(parameter.grad is None for parameter in net.parameters())


@pytest.mark.parametrize("recipe", [Recipe(batch=32), Recipe(batch=32, optimiser="adamw", norms=False)])
def test_it_goes_on_from_a_kept_state_to_the_last_bit(begin: Begin, tmp_path: Path, recipe: Recipe) -> None:
    rate = 0.1 if recipe.optimiser == "sgd" else 1e-3
    with one_thread():
        whole = begin(recipe, rate)
        run(whole)
        for stop in (7, 19):
            broken = begin(recipe, rate)
            if stop > 7:
                broken.resume(read_weights(tmp_path / "state.safetensors"))
            run(broken, stop)
            write_weights(tmp_path / "state.safetensors", broken.state())
        last = begin(recipe, rate)
        last.resume(read_weights(tmp_path / "state.safetensors"))
        assert last.done == 19
        run(last)
        there, here = weights_of(whole.finish()), weights_of(last.finish())
    assert all(torch.equal(there[name], here[name]) for name in there)


def test_a_network_takes_the_weights_that_another_one_was_trained_to(begin: Begin, pruned: fx.GraphModule) -> None:
    training = begin()
    run(training, 5)
    trained = training.finish()
    other = duplicate(pruned)
    set_weights(other, weights_of(trained))
    images = IMAGES[:16]
    with torch.no_grad():
        torch.testing.assert_close(other(images), trained(images), rtol=1e-5, atol=1e-5)
    with pytest.raises(ParefrontError, match="of another network"):
        set_weights(duplicate(specimen("residual").net), weights_of(trained))


def test_weights_that_are_none_are_refused(tmp_path: Path) -> None:
    (tmp_path / "x.safetensors").write_bytes(b"not weights")
    with pytest.raises(ParefrontError, match="safetensors"):
        read_weights(tmp_path / "x.safetensors")


def test_a_loss_that_is_not_finite_ends_it(begin: Begin) -> None:
    training = begin()
    training.net.get_parameter(next(iter(dict(training.net.named_parameters())))).data.fill_(float("nan"))
    with pytest.raises(Infeasible, match="diverged in step 1"):
        training.step()


def test_the_rate_goes_up_and_down_once() -> None:
    rates = [one_cycle(step, 200) for step in range(200)]
    peak = rates.index(max(rates))
    assert max(rates) == pytest.approx(1.0, abs=0.02)
    assert rates[:peak] == sorted(rates[:peak])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)
    assert 0 < rates[-1] < 0.01


def test_what_is_far_from_its_teacher_takes_larger_steps() -> None:
    recipe = Recipe()
    assert rate_for(0.0, recipe) < rate_for(0.2, recipe) < rate_for(0.6, recipe) == rate_for(5.0, recipe)
    assert rate_for(0.2, Recipe(batch=32)) == pytest.approx(rate_for(0.2, recipe) / 2)
    assert rate_for(0.2, recipe, steps=25) == pytest.approx(rate_for(0.2, recipe, steps=500) / 2)
    assert rate_for(0.2, Recipe(optimiser="adamw", batch=32)) < 1e-3


def test_recipes_are_told_apart_by_all_that_they_say() -> None:
    recipes = [Recipe(), Recipe(batch=64), Recipe(losses={"kl": 1.0}), Recipe(norms=False), Recipe(augment=())]
    assert len({recipe.digest for recipe in recipes}) == len(recipes)
    assert Recipe().digest == Recipe(losses={"mse": 1.0}).digest
