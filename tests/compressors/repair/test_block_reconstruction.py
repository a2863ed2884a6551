"""Blocks trained until what lies behind them is what it was: against numpy, against least squares, never worse."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, fx, nn

from parefront.compressors.repair import block_reconstruction as module
from parefront.compressors.repair.block_reconstruction import reconstruct
from parefront.compressors.repair.registry import repair_of
from parefront.compressors.statistics.calibration import Calibration
from parefront.testing.networks import NETWORKS, random_images

from ...flat import Step, add, chain, conv, flat, images, relu, value_of
from ..conftest import Bench, MakeBench

PRUNED = {"round_to": 4, "compensate": "none"}


@pytest.fixture
def few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STEPS", 10)
    monkeypatch.setattr(module, "BATCH", 32)


def relative(given: Tensor, wanted: Tensor) -> float:
    """Mean squared error, in units of the variance of what is wanted."""
    return float((given - wanted).square().mean() / (wanted - wanted.mean(0)).square().mean())


def weights(net: fx.GraphModule) -> Mapping[str, Tensor]:
    return {name: parameter.detach().clone() for name, parameter in net.named_parameters()}


def test_a_block_of_one_linear_layer_gets_the_least_squares_solution(
    bench: MakeBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STEPS", 800)
    monkeypatch.setattr(module, "BATCH", 200)
    x = images(200, 6)
    net = chain(x[:1], a=nn.Linear(6, 16), act=relu(), b=nn.Linear(16, 5))
    subject = bench(net, x, prune_channels={"round_to": 1, "compensate": "none"})
    pruned = subject.apply({"prune_channels/a": 0.5})
    told = reconstruct(pruned, subject.calibration)[-1]
    assert told.end == "output"
    read, wanted = value_of(pruned, "act", x), subject.outputs(net)
    design = np.hstack([read.double().numpy(), np.ones((200, 1))])
    left = np.linalg.lstsq(design, wanted.double().numpy(), rcond=None)[1].sum() / wanted.numel()
    least = left / float((wanted - wanted.mean(0)).square().mean())
    assert told.after == pytest.approx(least, rel=0.01)
    assert told.after == pytest.approx(relative(subject.outputs(pruned), wanted), rel=1e-4)


@pytest.mark.usefixtures("few_steps")
@pytest.mark.parametrize("network", NETWORKS)
def test_no_blocks_loss_is_higher_than_it_was(network: str, bench: MakeBench) -> None:
    subject = bench(network, prune_channels=PRUNED)
    told = reconstruct(subject.uniform(prune_channels=0.5), subject.calibration)
    assert told
    assert all(block.after <= block.before for block in told)
    assert min(block.after / block.before for block in told) < 0.8


@pytest.mark.usefixtures("few_steps")
def test_a_block_that_training_makes_worse_keeps_its_weights(bench: MakeBench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RATE", 1e3)
    subject = bench("residual", prune_channels=PRUNED)
    pruned = subject.uniform(prune_channels=0.5)
    before = weights(pruned)
    told = reconstruct(pruned, subject.calibration)
    assert [block.after for block in told] == [block.before for block in told]
    assert all(torch.equal(before[name], now) for name, now in weights(pruned).items())


def test_the_loss_is_the_mean_over_the_block_and_those_looked_through(
    bench: MakeBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    subject, net = three_blocks(bench)
    dropped = subject.apply({"drop_blocks/one": True})
    ends = ("two.end", "three.end")
    given = [value_of(dropped, end, subject.images) for end in ends]
    wanted = [value_of(net, end, subject.images) for end in ends]
    monkeypatch.setattr(module, "STEPS", 0)
    (told,) = (block for block in reconstruct(dropped, subject.calibration) if block.end == "two_end")
    assert told.before == pytest.approx(np.mean([*map(relative, given, wanted)]), rel=1e-4)


def three_blocks(bench: MakeBench) -> tuple[Bench, fx.GraphModule]:
    """A network of three residual blocks, of which one is to be dropped, and how."""
    x, before = images(64, 3, 6, 6), "act"
    steps: list[Step] = [("stem", conv(3, 8), ("input",)), ("act", relu(), ("stem",))]
    for name in ("one", "two", "three"):
        steps += [
            (f"{name}.a", conv(8, 8), (before,)), (f"{name}.act", relu(), (f"{name}.a",)),
            (f"{name}.b", conv(8, 8), (f"{name}.act",)), (f"{name}.sum", add(), (before, f"{name}.b")),
            (f"{name}.end", relu(), (f"{name}.sum",)),
        ]  # fmt: skip
        before = f"{name}.end"
    net = flat(x, *steps, ("head", conv(8, 3), (before,)))
    return bench(net, x, drop_blocks={"compensate": "none"}), net


@pytest.mark.usefixtures("few_steps")
def test_blocks_that_do_not_look_as_far_as_the_change_are_left_alone(bench: MakeBench) -> None:
    subject, _ = three_blocks(bench)
    dropped = subject.apply({"drop_blocks/three": True})
    before = weights(dropped)
    assert [block.end for block in reconstruct(dropped, subject.calibration)] == ["two_end", "output"]
    changed = {name for name, now in weights(dropped).items() if not torch.equal(before[name], now)}
    assert {name.split(".")[0] for name in changed} == {"two", "head"}


@pytest.mark.usefixtures("few_steps")
def test_an_uncompressed_network_is_left_alone(bench: MakeBench) -> None:
    subject = bench("residual", prune_channels=PRUNED)
    before = weights(subject.net)
    assert reconstruct(subject.net, subject.calibration) == []
    assert all(torch.equal(before[name], now) for name, now in weights(subject.net).items())


def test_it_errs_less_than_least_squares_on_other_images(bench: MakeBench) -> None:
    held, fresh = random_images(256, seed=5), random_images(128, seed=9)
    errors = {}
    for method in ("least_squares", "block_reconstruction"):
        subject = bench("residual", drop_blocks={"compensate": method})
        many = replace(subject, calibration=Calibration(subject.net, held))
        net = many.apply({"drop_blocks/3": True})
        errors[method] = relative(subject.outputs(net, fresh), subject.outputs(subject.net, fresh))
    assert errors["block_reconstruction"] < 0.8 * errors["least_squares"]


@pytest.mark.usefixtures("few_steps")
def test_a_layer_that_is_called_from_several_blocks_is_left_alone(bench: MakeBench) -> None:
    x, shared = images(32, 4, 6, 6), conv(4, 4)
    net = flat(
        x, ("first", conv(4, 8), ("input",)), ("act", relu(), ("first",)), ("second", conv(8, 4), ("act",)),
        ("shared", shared, ("second",)), ("act2", relu(), ("shared",)), ("again", shared, ("act2",)),
    )  # fmt: skip
    (again,) = (node for node in net.graph.nodes if node.name == "again")
    again.target = "shared"
    net.delete_all_unused_submodules()
    net.recompile()
    subject = bench(net, x, prune_channels={"round_to": 1, "compensate": "none"})
    pruned = subject.apply({"prune_channels/first": 0.5})
    assert reconstruct(pruned, subject.calibration)
    assert torch.equal(pruned.get_parameter("shared.weight"), shared.weight)
    assert not torch.equal(
        pruned.get_parameter("second.weight"),
        subject.apply({"prune_channels/first": 0.5}).get_parameter("second.weight"),
    )


@pytest.mark.usefixtures("few_steps")
def test_large_values_are_computed_for_fewer_inputs(bench: MakeBench, monkeypatch: pytest.MonkeyPatch) -> None:
    subject = bench("residual", prune_channels=PRUNED)
    seen: list[int] = []
    monkeypatch.setattr(module, "HELD_BYTES", 4 * 16 * 16 * 16 * 6 * 10)
    pruned = subject.uniform(prune_channels=0.5)
    pruned.get_submodule("0.0").register_forward_hook(lambda _, read, __: seen.append(len(read[0])))
    assert reconstruct(pruned, subject.calibration)
    assert max(seen) == 20, "of half as many channels"


@pytest.mark.usefixtures("few_steps")
def test_what_asked_for_gradients_asks_for_them_again_and_holds_none(bench: MakeBench) -> None:
    subject = bench("residual", prune_channels=PRUNED)
    pruned = subject.uniform(prune_channels=0.5)
    pruned.get_parameter("0.0.bias").requires_grad_(False)
    reconstruct(pruned, subject.calibration)
    asked = {name: parameter.requires_grad for name, parameter in pruned.named_parameters()}
    assert {name for name, asks in asked.items() if not asks} == {"0.0.bias"}
    assert all(parameter.grad is None for parameter in pruned.parameters())


@pytest.mark.usefixtures("few_steps")
def test_weights_do_not_depend_on_the_number_of_threads(bench: MakeBench, on_threads: Callable[[int], None]) -> None:
    subject = bench("residual", prune_channels={"round_to": 4, "compensate": "block_reconstruction"})
    found = []
    for threads in (1, 2, 3):
        on_threads(threads)
        fresh = Calibration(subject.net, subject.images)
        found.append(weights(replace(subject, calibration=fresh).uniform(prune_channels=0.5)))
    for other in found[1:]:
        assert all(torch.equal(found[0][name], there) for name, there in other.items())


def test_probes_are_repaired_by_least_squares(bench: MakeBench) -> None:
    """A probe tries one knob alone, of which there are hundreds."""
    assert repair_of("block_reconstruction").quick == "least_squares"
    (plan,) = bench("residual", prune_channels={"compensate": "block_reconstruction"}).pipeline.plans
    assert plan.quick_repair == "covariance"


@pytest.mark.usefixtures("few_steps")
@pytest.mark.parametrize(("kinds", "count"), [((), 64), (("flip",), 256)])
def test_images_are_changed_as_the_uncompressed_network_does_not_mind(
    kinds: tuple[str, ...], count: int, bench: MakeBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    subject = bench("residual", prune_channels=PRUNED)
    monkeypatch.setattr(module, "invariances", lambda net, images: kinds)
    subject = replace(subject, calibration=Calibration(subject.net, subject.images))
    seen: list[Tensor] = []
    pruned = subject.uniform(prune_channels=0.5)
    pruned.get_submodule("0.0").register_forward_pre_hook(lambda _, read: seen.append(read[0]))
    assert reconstruct(pruned, subject.calibration)
    largest = max(seen, key=len)
    assert len(largest) == count
    assert torch.equal(largest[:64], subject.images)
    for image, source in zip(largest[64:], subject.images.repeat(3, 1, 1, 1), strict=False):
        assert torch.equal(image, source) or torch.equal(image, source.flip(2))
