"""Training brings a pruned network nearer to its teacher, and goes on from a kept state to the last bit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import fx

from parefront.compressors.context import Context
from parefront.compressors.exits.exit import leaving_at
from parefront.compressors.pipeline import Pipeline
from parefront.compressors.recovery.batches.augment import Augmentation
from parefront.compressors.recovery.batches.sources import Samples
from parefront.compressors.recovery.losses.outputs import squared_error
from parefront.compressors.recovery.places import stage_ends
from parefront.compressors.recovery.precision import BFLOAT16
from parefront.compressors.recovery.rate import rate_for
from parefront.compressors.recovery.recipe import Recipe
from parefront.compressors.recovery.stream import Stream
from parefront.compressors.recovery.teachers import Teachers
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
        source = Samples(lambda rows: (IMAGES[torch.from_numpy(rows)], None), len(IMAGES), recipe.batch)
        places = stage_ends(held.net, IMAGES) if recipe.compares_features else {}
        stream = Stream(source, Teachers(held.net, places=places), Augmentation(("flip",)))
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
        (Recipe(batch=32, losses={"mse": 1.0, "features": 0.5}), 0.3, "float32"),
        (Recipe(batch=32, losses={"mse": 1.0, "similarity": 0.5}, ema=0.8), 0.3, BFLOAT16),
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


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe(batch=32),
        Recipe(batch=32, optimiser="adamw", norms=False),
        Recipe(batch=32, losses={"mse": 1.0, "features": 0.5, "attention": 0.5}, ema=0.9),
    ],
)
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


def test_one_that_was_shortened_ends_its_cycle_sooner_and_goes_on_alike(begin: Begin) -> None:
    shortened, resumed = begin(), begin()
    run(shortened, 10)
    kept = shortened.state()
    for training in (shortened, resumed):
        training.shorten(20)
    resumed.resume(kept)
    for training in (shortened, resumed):
        run(training, 20)
    assert one_cycle(20, shortened.steps) < 0, "it is at its end"
    ours, theirs = (weights_of(training.finish()) for training in (shortened, resumed))
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_projections_are_trained_and_kept_with_the_state_but_are_no_weights(begin: Begin) -> None:
    training = begin(Recipe(batch=32, losses={"mse": 1.0, "features": 1.0}))
    before = {name: tensor.clone() for name, tensor in training.state().items() if name.startswith("hints.")}
    run(training, 3)
    after = training.state()
    assert len(before) == 4
    assert not any(torch.equal(after[name], tensor) for name, tensor in before.items())
    assert not any("hints" in name or "projections" in name for name in weights_of(training.finish()))


def test_the_average_of_the_weights_is_what_is_given_back(begin: Begin) -> None:
    plain, averaged = begin(), begin(Recipe(batch=32, ema=0.9))
    run(plain, 10)
    run(averaged, 10)
    kept = {k.removeprefix("average."): v.clone() for k, v in averaged.state().items() if k.startswith("average.")}
    last = {k.removeprefix("net."): v for k, v in averaged.state().items() if k.startswith("net.")}
    assert all(torch.equal(last[k.removeprefix("net.")], v) for k, v in plain.state().items() if k.startswith("net."))
    assert not any(torch.equal(last[name], tensor) for name, tensor in kept.items())
    net = averaged.finish()
    unnormed = net.get_parameter("8.weight")
    assert torch.equal(unnormed, kept["8.weight"])


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


def test_losses_of_the_softmax_alone_take_smaller_ones() -> None:
    alone, beside = Recipe(losses={"kl": 1.0}), Recipe(losses={"kl": 1.0, "mse": 1.0})
    assert rate_for(0.2, alone) == pytest.approx(rate_for(0.2, Recipe()) / 3)
    assert rate_for(0.2, beside) == rate_for(0.2, Recipe(losses={"cross_entropy": 1.0})) == rate_for(0.2, Recipe())


def test_recipes_are_told_apart_by_all_that_they_say() -> None:
    recipes = [Recipe(), Recipe(batch=64), Recipe(losses={"kl": 1.0}), Recipe(norms=False), Recipe(augment=())]
    assert len({recipe.digest for recipe in recipes}) == len(recipes)
    assert Recipe().digest == Recipe(losses={"mse": 1.0}).digest


def test_every_exit_is_trained_with_the_network() -> None:
    held = specimen("residual")
    pipeline = Pipeline.of(
        [create("prune_channels", {"round_to": 4, "compensate": "none"}), create("early_exit", {"places": 2})],
        held.graph,
    )
    policy = pipeline.space.uniform({"prune_channels": 0.5, "early_exit": 0.9})
    net = pipeline.structured(held.net, policy, Context(held.graph, held.calibration))
    source = Samples(lambda rows: (IMAGES[torch.from_numpy(rows)], None), len(IMAGES), 32)
    stream = Stream(source, Teachers(held.net), Augmentation(("flip",)))

    def divergences() -> list[float]:
        found = []
        for index in range(3):
            with leaving_at(net, index):
                found.append(divergence(net))
        return found

    before = divergences()
    training = Training(net, stream, Recipe(batch=32), STEPS, 0.1, held.images)
    run(training)
    assert training.finish() is net
    assert all(after < 0.9 * first for after, first in zip(divergences(), before, strict=True))


@pytest.mark.parametrize("head", ["pool", "blocks"])
def test_heads_alone_may_be_trained(head: str) -> None:
    held = specimen("residual")
    pipeline = Pipeline.of([create("early_exit", {"places": 1, "head": head})], held.graph)
    net = pipeline.structured(
        held.net, pipeline.space.uniform({"early_exit": 0.9}), Context(held.graph, held.calibration)
    )
    source = Samples(lambda rows: (IMAGES[torch.from_numpy(rows)], None), len(IMAGES), 32)
    stream = Stream(source, Teachers(held.net), Augmentation())
    with leaving_at(net, 0):
        before = divergence(net)
    training = Training(net, stream, Recipe(batch=32), STEPS, 0.1, held.images, heads_only=True)
    run(training)
    training.finish()
    with leaving_at(net, 0):
        assert divergence(net) < 0.9 * before
    with leaving_at(net, 1), torch.no_grad():
        assert torch.allclose(net(IMAGES), held.net(IMAGES), atol=1e-5)
    assert all(parameter.requires_grad for parameter in net.parameters())


def test_exits_are_trained_beside_losses_of_features() -> None:
    held = specimen("residual")
    pipeline = Pipeline.of([create("early_exit", {"places": 1})], held.graph)
    policy = pipeline.space.uniform({"early_exit": 0.9})
    net = pipeline.structured(held.net, policy, Context(held.graph, held.calibration))
    source = Samples(lambda rows: (IMAGES[torch.from_numpy(rows)], None), len(IMAGES), 32)
    stream = Stream(source, Teachers(held.net, places=stage_ends(held.net, IMAGES)), Augmentation())
    recipe = Recipe(batch=32, losses={"mse": 1.0, "features": 1.0})
    training = Training(net, stream, recipe, STEPS, 0.1, held.images)
    with leaving_at(net, 0):
        before = divergence(net)
    run(training)
    training.finish()
    with leaving_at(net, 0):
        assert divergence(net) < before


@pytest.mark.parametrize("norms", [True, False])
def test_layers_that_are_left_out_stay_as_they_are(pruned: fx.GraphModule, norms: bool) -> None:
    held = specimen("residual")
    source = Samples(lambda rows: (IMAGES[torch.from_numpy(rows)], None), len(IMAGES), 32)
    stream = Stream(source, Teachers(held.net), Augmentation())
    first = held.graph.layers[0].name
    training = Training(
        duplicate(pruned), stream, Recipe(batch=32, norms=norms), 5, 0.1, held.images, left_out=frozenset({first})
    )
    run(training, 5)
    net = training.finish()
    before, after = dict(pruned.named_parameters()), dict(net.named_parameters())
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed == before.keys() - {f"{first}.weight", f"{first}.bias"}
    assert all(parameter.requires_grad for parameter in net.parameters())
