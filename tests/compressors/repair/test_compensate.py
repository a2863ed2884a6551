"""Repair in closed form: against numpy's least squares, against no repair, and only where a change reaches."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from parefront.compressors.repair import compensate as module
from parefront.compressors.repair.registry import BUILT_IN
from parefront.spaces.network.layers import norm_of, origin_of, set_norm
from parefront.spaces.network.rebuild import duplicate

from ...flat import Step, add, chain, conv, flat, flatten, images, op, pooled, relu, value_of
from ..conftest import MakeBench

LEAST_SQUARES = {"compensate": "least_squares"}


@pytest.fixture
def exact(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pull towards the weights as they stand."""
    monkeypatch.setattr(module, "RIDGE", 1e-9)


def lstsq(read: Tensor, wanted: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Weight ``(out, in)`` and bias ``(out,)`` by numpy, in double precision."""
    design = np.hstack([read.double().numpy(), np.ones((len(read), 1))])
    solution = np.linalg.lstsq(design, wanted.double().numpy(), rcond=None)[0]
    return solution[:-1].T, solution[-1]


def assert_solved(layer: nn.Module, read: Tensor, wanted: Tensor) -> None:
    """The layer gives what numpy's solution gives (whose weights of an input that is always zero may be any)."""
    weight, bias = lstsq(read, wanted)
    found = layer.get_parameter("weight").detach().flatten(1).numpy()
    given = read.numpy() @ found.T + layer.get_parameter("bias").detach().numpy()
    np.testing.assert_allclose(given, read.numpy() @ weight.T + bias, rtol=2e-3, atol=5e-4)


@pytest.mark.usefixtures("exact")
def test_a_linear_layer_is_solved_as_numpy_solves_it(bench: MakeBench) -> None:
    x = images(200, 6)
    net = chain(x[:1], a=nn.Linear(6, 16), act=relu(), b=nn.Linear(16, 5))
    subject = bench(net, x, prune_channels={"round_to": 1})
    pruned = subject.apply({"prune_channels/a": 0.5})
    assert_solved(pruned.get_submodule("b"), value_of(pruned, "act", x), subject.outputs(net))


@pytest.mark.usefixtures("exact")
def test_a_convolution_is_solved_as_numpy_solves_it(bench: MakeBench) -> None:
    x = images(16, 3, 7, 6)
    net = chain(x[:1], a=conv(3, 8), act=relu(), b=nn.Conv2d(8, 5, 3, stride=2, padding=1))
    subject = bench(net, x, prune_channels={"round_to": 1})
    pruned = subject.apply({"prune_channels/a": 0.5})
    read = F.unfold(value_of(pruned, "act", x), 3, padding=1, stride=2).transpose(1, 2).flatten(0, 1)
    wanted = subject.outputs(net).flatten(2).transpose(1, 2).flatten(0, 1)
    assert_solved(pruned.get_submodule("b"), read, wanted)


@pytest.mark.usefixtures("exact")
def test_a_wide_layer_gets_a_scale_for_each_channel(bench: MakeBench, monkeypatch: pytest.MonkeyPatch) -> None:
    """With one factor a channel, column c of the design is what channel c alone adds to all the outputs."""
    monkeypatch.setattr(module, "DENSE_LIMIT", 0)
    x = images(16, 3, 6, 5)
    net = chain(x[:1], a=conv(3, 8), act=relu(), b=conv(8, 5))
    subject = bench(net, x, prune_channels={"round_to": 1})
    plain = bench(net, x, prune_channels={"round_to": 1, "compensate": "none"})
    before, after = (b.apply({"prune_channels/a": 0.5}).get_submodule("b") for b in (plain, subject))
    inputs = value_of(plain.apply({"prune_channels/a": 0.5}), "act", x)
    weight = before.get_parameter("weight").detach()
    alone = [F.conv2d(inputs[:, [c]], weight[:, [c]], padding=1).transpose(0, 1).flatten(1) for c in range(4)]
    wanted = subject.outputs(net).transpose(0, 1).flatten(1)
    columns = torch.stack([column - column.mean(1, keepdim=True) for column in alone], -1).flatten(0, 1)
    centred = (wanted - wanted.mean(1, keepdim=True)).flatten()
    factors = np.linalg.lstsq(columns.double().numpy(), centred.double().numpy(), rcond=None)[0]
    scaled = weight * torch.from_numpy(factors).float().view(1, -1, 1, 1)
    torch.testing.assert_close(after.get_parameter("weight").detach(), scaled, rtol=2e-3, atol=2e-4)


@pytest.mark.usefixtures("exact")
def test_a_closing_convolution_adds_what_the_dropped_block_no_longer_does(bench: MakeBench) -> None:
    x = images(16, 3, 6, 6)
    net = flat(
        x, ("stem", conv(3, 8), ("input",)), ("act0", relu(), ("stem",)),
        ("one.a", conv(8, 8), ("act0",)), ("sum1", add(), ("act0", "one.a")), ("act1", relu(), ("sum1",)),
        ("two.a", conv(8, 8), ("act1",)), ("act2", relu(), ("two.a",)), ("two.b", conv(8, 8), ("act2",)),
        ("sum2", add(), ("act1", "two.b")), ("act3", relu(), ("sum2",)), ("head", conv(8, 3), ("act3",)),
    )  # fmt: skip
    subject = bench(net, x, drop_blocks=LEAST_SQUARES)
    dropped = subject.apply({"drop_blocks/one.a": True})
    read = F.unfold(value_of(dropped, "act2", x), 3, padding=1).transpose(1, 2).flatten(0, 1)
    wanted = value_of(net, "sum2", x) - value_of(dropped, "act0", x)
    assert_solved(dropped.get_submodule("two.b"), read, wanted.flatten(2).transpose(1, 2).flatten(0, 1))
    control = bench(net, x, drop_blocks={"compensate": "none"}).apply({"drop_blocks/one.a": True})
    whole = value_of(net, "sum2", x)
    gaps = [(value_of(repaired, "sum2", x) - whole).square().mean() for repaired in (dropped, control)]
    assert gaps[0] < 0.5 * gaps[1]


@pytest.mark.parametrize("network", ["plain", "residual", "depthwise", "concat"])
def test_repair_brings_outputs_nearer(network: str, bench: MakeBench) -> None:
    errors = {}
    for method in ("least_squares", "none"):
        subject = bench(network, prune_channels={"round_to": 4, "compensate": method})
        errors[method] = subject.error(subject.uniform(prune_channels=0.5))
    assert errors["least_squares"] < 0.8 * errors["none"]


def test_repair_helps_on_images_that_it_was_not_solved_on(bench: MakeBench) -> None:
    errors = {}
    fresh = images(64, 3, 16, 16, seed=9)
    for method in ("least_squares", "none"):
        subject = bench("residual", drop_blocks={"compensate": method})
        net = subject.apply({"drop_blocks/3": True})
        errors[method] = float((subject.outputs(net, fresh) - subject.outputs(subject.net, fresh)).square().mean())
    assert errors["least_squares"] < 0.8 * errors["none"]


def test_layers_that_no_change_reaches_are_left_alone(bench: MakeBench) -> None:
    subject = bench("residual", prune_channels={"round_to": 4})
    pruned = subject.apply({"prune_channels/4.conv1.0": 0.5})
    for name in ("0.0", "2.conv1.0", "2.conv2.0", "3.conv1.0", "3.conv2.0", "4.shortcut.0"):
        assert torch.equal(pruned.get_parameter(f"{name}.weight"), subject.net.get_parameter(f"{name}.weight"))
    solved = pruned.get_submodule("4.conv2.0").get_parameter("weight")
    (group,) = [g for g in subject.graph.groups if g.name == "4.conv1.0"]
    keep = origin_of(pruned.get_submodule("4.conv1.0"))
    assert group.channels == 32
    assert not torch.allclose(solved, subject.net.get_submodule("4.conv2.0").get_parameter("weight")[:, keep])


def blocks(count: int) -> tuple[fx.GraphModule, Tensor]:
    """A stem and residual blocks of two convolutions, ``one.a``, ``one.b``, ``two.a`` and so on."""
    x = images(64, 3, 6, 6)
    steps: list[Step] = [("stem", conv(3, 8), ("input",)), ("act", relu(), ("stem",))]
    for name in ("one", "two", "three", "four", "five")[:count]:
        before = steps[-1][0]
        steps += [
            (f"{name}.a", conv(8, 8), (before,)), (f"{name}.act", relu(), (f"{name}.a",)),
            (f"{name}.b", conv(8, 8), (f"{name}.act",)), (f"{name}.sum", add(), (before, f"{name}.b")),
            (f"{name}.end", relu(), (f"{name}.sum",)),
        ]  # fmt: skip
    return flat(x, *steps), x


def test_layers_that_close_a_branch_are_solved_up_to_six_layers_behind_a_change(bench: MakeBench) -> None:
    net, x = blocks(5)
    subject = bench(net, x, drop_blocks=LEAST_SQUARES)
    dropped = subject.apply({"drop_blocks/one": True})
    layers = [name for name, layer in dropped.named_modules() if isinstance(layer, nn.Conv2d)]
    solved = [
        n for n in layers if not torch.equal(dropped.get_parameter(f"{n}.weight"), net.get_parameter(f"{n}.weight"))
    ]
    assert solved == ["two.a", "two.b", "three.b", "four.b"]


@pytest.mark.parametrize(("dropped", "last"), [({"drop_blocks/one": True}, "four.a"), ({}, None)])
def test_nothing_is_run_from_the_last_layer_that_is_mended_on(
    dropped: dict[str, bool], last: str | None, bench: MakeBench
) -> None:
    net, x = blocks(5)
    subject = bench(net, x, drop_blocks={"compensate": "none"})
    changed = subject.apply(dropped)
    run: list[str] = []
    for name, layer in changed.named_modules():
        if isinstance(layer, nn.Conv2d):
            layer.register_forward_hook(lambda *_, name=name: run.append(name))
    module.LeastSquares().apply(changed, subject.context)
    assert (run[-1] if run else None) == last


def test_of_two_branches_each_is_solved_as_far_as_the_other(bench: MakeBench) -> None:
    """The layers of one tower stand between the change and the other tower, but do not lie between them."""
    x = images(64, 3, 6, 6)
    towers = [
        step for tower in "ab" for step in (
            (f"{tower}1", conv(8, 8), ("act",)), (f"{tower}2", conv(8, 8), (f"{tower}1",)),
            (f"{tower}3", conv(8, 8), (f"{tower}2",)), (f"{tower}4", conv(8, 8), (f"{tower}3",)),
            (f"{tower}sum", add(), ("act", f"{tower}4")),
        )
    ]  # fmt: skip
    end = ("end", add(), ("asum", "bsum"))
    net = flat(x, ("stem", conv(3, 8), ("input",)), ("act", relu(), ("stem",)), *towers, end)
    subject = bench(net, x, drop_blocks=LEAST_SQUARES)
    changed = module._reached(other_stem(net), subject.calibration)
    assert {node.name: distance for node, (_, distance) in changed.items()} == {
        "stem": 0, **{f"{tower}{index}": index for tower in "ab" for index in range(1, 5)}
    }  # fmt: skip


def other_stem(net: fx.GraphModule) -> fx.GraphModule:
    """A copy whose first layer is to give something else than it did."""
    copied = duplicate(net)
    (stem,) = [node for node in copied.graph.nodes if node.name == "stem"]
    stem.meta["aim"] = "pool"
    return copied


def test_batch_norm_is_renewed_however_far_behind(bench: MakeBench) -> None:
    net, x = blocks(5)
    for name in ("one.b", "five.b"):
        set_norm(net.get_submodule(name), torch.ones(8), torch.zeros(8), torch.ones(8))
    dropped = bench(net, x, drop_blocks={"compensate": "batch_norm"}).apply({"drop_blocks/one": True})
    assert not torch.equal(dropped.get_parameter("five.b.weight"), net.get_parameter("five.b.weight"))


def test_a_linear_layer_over_an_image_is_solved_over_its_last_axis(bench: MakeBench) -> None:
    x = images(32, 4, 6, 10)
    net = chain(
        x[:1], last=op("Transpose", perm=[0, 2, 3, 1]), a=nn.Linear(4, 32), act=relu(), b=nn.Linear(32, 4),
        first=op("Transpose", perm=[0, 3, 1, 2]), pool=pooled(), flat=flatten(), head=nn.Linear(4, 3),
    )  # fmt: skip
    errors = {}
    for method in ("least_squares", "none"):
        subject = bench(net, x, prune_channels={"round_to": 1, "compensate": method})
        errors[method] = subject.error(subject.apply({"prune_channels/a": 0.75}))
    assert errors["least_squares"] < 0.8 * errors["none"]


def test_a_layer_that_a_broadcast_value_is_added_to_is_solved_for_its_own_output(bench: MakeBench) -> None:
    x = images(16, 3, 6, 6)
    net = flat(
        x, ("stem", conv(3, 8), ("input",)), ("act", relu(), ("stem",)), ("pool", pooled(), ("act",)),
        ("context", conv(8, 8, 1), ("pool",)), ("a", conv(8, 8), ("act",)), ("sum", add(), ("context", "a")),
        ("head", conv(8, 3), ("sum",)),
    )  # fmt: skip
    errors = {}
    for method in ("least_squares", "none"):
        subject = bench(net, x, prune_channels={"round_to": 1, "compensate": method})
        errors[method] = subject.error(subject.apply({"prune_channels/stem": 0.5}))
    assert errors["least_squares"] < errors["none"]


def test_batch_norm_gives_outputs_their_mean_and_deviation_again(bench: MakeBench) -> None:
    subject = bench("residual", drop_blocks={"compensate": "batch_norm"})
    net = subject.apply({"drop_blocks/2": True, "drop_blocks/3": True})
    layer = net.get_submodule("4.conv1.0")
    norm = norm_of(layer)
    assert norm is not None
    output = value_of(net, "4.conv1.0", subject.images)
    torch.testing.assert_close(output.mean((0, 2, 3)), norm[1], rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(output.std((0, 2, 3)), norm[0].abs(), rtol=1e-3, atol=1e-3)


def test_batch_norm_leaves_layers_without_one(bench: MakeBench) -> None:
    x = images(16, 3, 6, 6)
    first, second = conv(3, 8), conv(8, 4)
    set_norm(first, torch.ones(8), torch.zeros(8), torch.ones(8))
    net = chain(x[:1], a=first, act=relu(), b=second)
    subject = bench(net, x, prune_channels={"round_to": 1, "compensate": "batch_norm"})
    pruned = subject.apply({"prune_channels/a": 0.5})
    keep = origin_of(pruned.get_submodule("a"))
    assert torch.equal(pruned.get_submodule("b").get_parameter("weight"), second.weight[:, keep])


@pytest.mark.parametrize("method", sorted(BUILT_IN))
def test_equal_policies_are_repaired_equally(method: str, bench: MakeBench) -> None:
    subject = bench("concat", prune_channels={"round_to": 4, "compensate": method})
    first, second = (subject.uniform(prune_channels=0.5).state_dict() for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_singular_problem_is_still_solved(bench: MakeBench) -> None:
    """Inputs that are all zero tell nothing; the weights stay as they are, and the bias gives the mean."""
    dead: Callable[[Tensor], Tensor] = torch.zeros_like
    x = images(16, 3, 6, 6)
    first = conv(3, 8)
    first.weight.data, first.bias = dead(first.weight), nn.Parameter(-torch.ones(8))
    net = chain(x[:1], a=first, act=relu(), b=conv(8, 4))
    subject = bench(net, x, prune_channels={"round_to": 1, "criterion": "random"})
    assert subject.error(subject.apply({"prune_channels/a": 0.5})) == pytest.approx(0, abs=1e-5)


def test_with_very_many_inputs_only_the_bias_is_solved_for(bench: MakeBench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "DENSE_LIMIT", 4)
    monkeypatch.setattr(module, "SCALE_LIMIT", 4)
    x = images(200, 6)
    net = chain(x[:1], a=nn.Linear(6, 16), act=relu(), b=nn.Linear(16, 5))
    pruned = bench(net, x, prune_channels={"round_to": 1}).apply({"prune_channels/a": 0.5})
    with torch.no_grad():
        torch.testing.assert_close(pruned(x).mean(0), net(x).mean(0), rtol=1e-3, atol=1e-4)
    kept = pruned.get_submodule("b").get_parameter("weight")
    assert set(kept[0].tolist()) <= set(net.get_submodule("b").get_parameter("weight")[0].tolist())
