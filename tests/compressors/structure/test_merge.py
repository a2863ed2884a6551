"""Merged layers: what is offered, what is exact, what is repaired, and what later methods find."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import fx, nn

from parefront.compressors.pipeline import Pipeline
from parefront.compressors.registry import create
from parefront.compressors.repair import compensate as compensation
from parefront.compressors.statistics.neighbours import POOLS
from parefront.evaluators.quality.accuracy import open_session
from parefront.evaluators.quality.parity import check_parity
from parefront.spaces.network.channels.flow import op_of
from parefront.spaces.network.emit import emit
from parefront.spaces.network.layers import origin_of
from parefront.spaces.network.trace import describe
from parefront.spaces.policy import Policy
from parefront.testing.networks import random_images

from ...flat import Step, add, chain, conv, flat, flatten, images, op, pooled, relu
from ..conftest import Bench, MakeBench

NONE = {"compensate": "none"}
X = images(64, 3, 12, 12)


def pool(kind: str, kernel: int, stride: int, padding: int = 0) -> nn.Module:
    return op(kind, kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=[padding] * 4)


def targets(net: fx.GraphModule, size: tuple[int, ...] = (3, 12, 12)) -> list[str]:
    return [knob.target for knob in create("merge").plan(describe(net, images(2, *size))).knobs]


def pair(one: nn.Module, two: nn.Module) -> fx.GraphModule:
    return chain(X[:1], a=one, act=relu(), b=two)


def operators(net: fx.GraphModule) -> list[str]:
    return [op_of(net, node) for node in net.graph.nodes if node.op == "call_module"]


def residual() -> fx.GraphModule:
    """A block that is wide inside, between two layers that are pruned together."""
    return flat(
        X[:1], ("stem", conv(3, 16), ("input",)), ("act0", relu(), ("stem",)),
        ("one.a", conv(16, 32), ("act0",)), ("act1", relu(), ("one.a",)), ("one.b", conv(32, 16), ("act1",)),
        ("sum", add(), ("act0", "one.b")), ("act2", relu(), ("sum",)), ("pool", pool("MaxPool", 2, 2), ("act2",)),
        ("last", conv(16, 8), ("pool",)), ("mean", pooled(), ("last",)), ("flat", flatten(), ("mean",)),
        ("head", nn.Linear(8, 5), ("flat",)),
    )  # fmt: skip


def concat() -> fx.GraphModule:
    """Two branches, one of them wide inside, joined to be read by a layer whose pool can go."""
    return flat(
        X[:1], ("stem", conv(3, 16), ("input",)), ("act0", relu(), ("stem",)),
        ("point", conv(16, 16, 1), ("act0",)),
        ("wide.a", conv(16, 32), ("act0",)), ("act1", relu(), ("wide.a",)), ("wide.b", conv(32, 16), ("act1",)),
        ("cat", op("Concat", arity=2, axis=1), ("point", "wide.b")), ("act2", relu(), ("cat",)),
        ("after", conv(32, 16), ("act2",)), ("act3", relu(), ("after",)),
        ("pool", pool("AveragePool", 2, 2), ("act3",)), ("mean", pooled(), ("pool",)), ("flat", flatten(), ("mean",)),
        ("head", nn.Linear(16, 5), ("flat",)),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (conv(3, 8), conv(8, 8, 1)),
        (conv(3, 32), conv(32, 8)),
        (conv(16, 32), conv(32, 16)),
        (conv(3, 16, stride=2), conv(16, 16, 1)),
        (conv(3, 32, stride=2), conv(32, 32)),
        (conv(3, 8, 1), conv(8, 16)),
        (nn.Linear(12, 32), nn.Linear(32, 12)),
    ],
)
def test_two_layers_that_are_no_bigger_as_one_have_a_knob(one: nn.Module, two: nn.Module) -> None:
    before = one.in_channels if isinstance(one, nn.Conv2d) else 3
    net = chain(images(1, int(before), 12, 12), a=one, act=relu(), b=two)
    assert targets(net, (int(before), 12, 12)) == ["b"]


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (conv(3, 4), conv(4, 8)),
        (conv(3, 4), conv(4, 8, stride=2)),
        (conv(3, 2, 1), conv(2, 16)),
        (conv(3, 8, stride=2), conv(8, 8)),
        (conv(3, 6), conv(6, 6, groups=2)),
        (conv(3, 6, groups=3), conv(6, 6, 1)),
        (conv(3, 32, dilation=2), conv(32, 8)),
        (nn.Linear(12, 4), nn.Linear(4, 12)),
        (conv(3, 8), nn.Linear(12, 12)),
    ],
)
def test_others_have_none(one: nn.Module, two: nn.Module) -> None:
    """Bigger (if quicker where the second strides), grouped, dilated, of two kinds."""
    assert targets(pair(one, two)) == []


def test_the_kernel_grows_by_the_stride_of_the_first() -> None:
    """As one, 7 · 7 · 3 weights for each output; as two, 27 + 9 · width."""
    assert [targets(pair(conv(3, width, stride=2), conv(width, width))) for width in (13, 16)] == [[], ["b"]]


@pytest.mark.parametrize(
    ("kind", "kernel", "stride", "padding", "size", "offered"),
    [
        ("MaxPool", 2, 2, 0, 12, True),
        ("AveragePool", 2, 2, 0, 12, True),
        ("MaxPool", 3, 2, 1, 12, True),
        ("MaxPool", 3, 2, 1, 13, True),
        ("MaxPool", 3, 3, 0, 12, True),
        ("MaxPool", 2, 2, 0, 13, False),
        ("MaxPool", 3, 2, 0, 12, False),
        ("MaxPool", 3, 1, 1, 12, False),
        ("AveragePool", 12, 12, 0, 12, False),
    ],
)
def test_pools_whose_pixels_a_stride_gives_have_a_knob(
    kind: str, kernel: int, stride: int, padding: int, size: int, offered: bool
) -> None:
    x = images(2, 3, size, size)
    net = chain(x, a=conv(3, 4), act=relu(), pool=pool(kind, kernel, stride, padding), b=conv(4, 8))
    assert targets(net, (3, size, size)) == (["pool"] if offered else [])


def test_knobs_tell_what_they_are_about() -> None:
    graph = describe(residual(), X[:2])
    plan = create("merge").plan(graph)
    fused, absorbed = plan.knobs[0], create("merge").plan(describe(concat(), X[:2])).knobs[-1]
    assert (fused.name, fused.choices, fused.neutral) == ("merge/one.b", (False, True), False)
    assert fused.layers == {"one.a", "one.b"}
    assert plan.removes["one.b"] == {"one.a"}
    assert fused.position == graph.by_name["one.a"].position
    assert absorbed.name == "merge/pool"
    assert absorbed.layers == {"after"}


@pytest.mark.parametrize("method", ["none", "least_squares"])
def test_without_an_activation_between_the_network_stays_the_same(method: str, bench: MakeBench) -> None:
    net = chain(X[:1], a=conv(3, 8), b=conv(8, 6, 1), act=relu(), c=conv(6, 4))
    subject = bench(net, X, merge={"compensate": method})
    merged = subject.apply({"merge/b": True})
    assert operators(merged) == ["Conv", "Relu", "Conv"]
    torch.testing.assert_close(subject.outputs(merged), subject.outputs(net), rtol=1e-4, atol=1e-5)


def test_with_one_it_is_the_network_without_the_activation(bench: MakeBench) -> None:
    net, linear = (chain(X[:1], a=conv(3, 8), **act, b=conv(8, 6, 1)) for act in ({"act": relu()}, {}))
    linear.load_state_dict(net.state_dict())
    subject = bench(net, X, merge=NONE)
    merged = subject.apply({"merge/b": True})
    torch.testing.assert_close(subject.outputs(merged), subject.outputs(linear), rtol=1e-4, atol=1e-5)


def test_linear_layers_are_merged(bench: MakeBench) -> None:
    x = images(64, 6)
    net = chain(x[:1], a=nn.Linear(6, 16), b=nn.Linear(16, 5))
    subject = bench(net, x, merge=NONE)
    merged = subject.apply({"merge/b": True})
    assert operators(merged) == ["Linear"]
    torch.testing.assert_close(subject.outputs(merged), subject.outputs(net), rtol=1e-4, atol=1e-5)


def test_a_chain_becomes_one_layer_whatever_the_order_of_the_choices(bench: MakeBench) -> None:
    net = chain(X[:1], a=conv(3, 16), c=conv(16, 16, 1), b=conv(16, 8, 1))
    subject = bench(net, X, merge=NONE)
    for names in ("bc", "cb"):
        merged = subject.apply({f"merge/{name}": True for name in names})
        assert [str(node.target) for node in merged.graph.nodes if node.op == "call_module"] == ["b"]
        torch.testing.assert_close(subject.outputs(merged), subject.outputs(net), rtol=1e-4, atol=1e-5)


def test_an_absorbed_pool_leaves_every_other_pixel(bench: MakeBench) -> None:
    net = chain(X[:1], a=conv(3, 8), act=relu(), pool=pool("MaxPool", 3, 2, 1))
    subject = bench(net, X, merge=NONE)
    merged = subject.apply({"merge/pool": True})
    assert operators(merged) == ["Conv", "Relu"]
    expected = net.get_submodule("act")(net.get_submodule("a")(X))[:, :, ::2, ::2]
    torch.testing.assert_close(subject.outputs(merged), expected, rtol=1e-4, atol=1e-5)


def test_a_strided_convolution_is_solved_for_what_the_pool_makes_of_its_outputs(
    bench: MakeBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A 3 × 3 kernel at stride 2 can give the mean of two by two of what its centre alone gave."""
    monkeypatch.setattr(compensation, "RIDGE", 1e-9)
    point = conv(3, 4)
    point.weight.data *= torch.tensor([[0.0, 0, 0], [0, 1, 0], [0, 0, 0]])
    net = chain(X[:1], a=point, act=relu(), pool=pool("AveragePool", 2, 2), b=conv(4, 4, 1))
    solved = bench(net, X, merge={}).apply({"merge/pool": True}).get_submodule("a")
    torch.testing.assert_close(solved(X), net.get_submodule("pool")(point(X)), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("choices", [["2.0"], ["max_pool2d"], ["2.0", "max_pool2d"]])
def test_repair_brings_outputs_nearer(choices: list[str], bench: MakeBench) -> None:
    fresh, errors = random_images(64, seed=9), {}
    for method in ("least_squares", "none"):
        subject = bench("plain", merge={"compensate": method})
        net = subject.apply({f"merge/{name}": True for name in choices})
        errors[method] = float((subject.outputs(net, fresh) - subject.outputs(subject.net, fresh)).square().mean())
    assert errors["least_squares"] < 0.3 * errors["none"]


@pytest.mark.parametrize("limit", [0, 2400])
def test_wide_kernels_are_repaired_in_full_and_by_channel(
    limit: int, bench: MakeBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compensation, "DENSE_LIMIT", limit)
    errors = {}
    for method in ("least_squares", "none"):
        subject = bench(residual(), X, merge={"compensate": method})
        merged = subject.apply({"merge/one.b": True})
        assert merged.get_submodule("one.b").get_parameter("weight").shape == (16, 16, 5, 5)
        errors[method] = subject.error(merged)
    assert errors["least_squares"] < 0.8 * errors["none"]


@pytest.mark.parametrize("network", [residual, concat])
def test_merged_layers_are_pruned_and_quantised_and_run_as_they_ship(
    network: Callable[[], fx.GraphModule], bench: MakeBench, tmp_path: Path
) -> None:
    subject = bench(network(), X, merge={}, prune_channels={"round_to": 4}, quantize={})
    space = Pipeline.of(subject.compressors, subject.graph).space
    policy = space.uniform({"merge": True, "prune_channels": 0.5, "quantize": 8})
    net = subject.apply(policy)
    artifact = emit(net, tmp_path / "candidate.onnx", X[:5])
    check_parity(open_session(artifact.path, threads=1), net, X[:5])
    assert len([name for name in operators(net) if name in POOLS]) == (network is residual)
    assert subject.error(net) < 1.5


def pruned_pair(bench: MakeBench) -> Bench:
    """Layers a, b and c in a row that are one exactly, behind a stem whose channels go."""
    steps: tuple[Step, ...] = (
        ("stem", conv(3, 16), ("input",)), ("act", relu(), ("stem",)), ("a", conv(16, 16), ("act",)),
        ("b", conv(16, 16, 1), ("a",)), ("c", conv(16, 16, 1), ("b",)), ("act2", relu(), ("c",)),
        ("head", conv(16, 4, 1), ("act2",)),
    )  # fmt: skip
    return bench(flat(X[:1], *steps), X, merge=NONE, prune_channels={"round_to": 1, "compensate": "none"})


def test_what_the_first_layer_read_is_cut_from_the_merged_one(bench: MakeBench) -> None:
    subject = pruned_pair(bench)
    pruning = {"prune_channels/stem": 0.5, "prune_channels/c": 0.25}
    plain, merged = (subject.apply({**more, **pruning}) for more in ({}, {"merge/b": True, "merge/c": True}))
    assert merged.get_submodule("c").get_parameter("weight").shape == (12, 8, 3, 3)
    assert torch.equal(origin_of(merged.get_submodule("c")), origin_of(plain.get_submodule("c")))
    torch.testing.assert_close(subject.outputs(merged), subject.outputs(plain), rtol=1e-4, atol=1e-5)


def test_channels_between_merged_layers_are_no_more(bench: MakeBench) -> None:
    subject = pruned_pair(bench)
    space = Pipeline.of(subject.compressors, subject.graph).space
    full = Policy({"merge/b": True, "merge/c": True, "prune_channels/a": 0.5, "prune_channels/b": 0.75})
    short = space.canonical(full)
    assert short == Policy({"merge/b": True, "merge/c": True})
    first, second = (subject.apply(policy).state_dict() for policy in (full, short))
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("methods", [["merge", "drop_blocks"], ["drop_blocks", "merge"]])
def test_a_dropped_block_takes_its_merges_along(methods: list[str], bench: MakeBench) -> None:
    subject = bench(residual(), X, **{method: {} for method in methods})
    space = Pipeline.of(subject.compressors, subject.graph).space
    full, short = Policy({"drop_blocks/one": True, "merge/one.b": True}), Policy({"drop_blocks/one": True})
    assert space.canonical(full) == short
    first, second = (subject.apply(policy) for policy in (full, short))
    assert operators(first) == operators(second)
    assert torch.equal(subject.outputs(first), subject.outputs(second))


def test_the_method_of_repair_can_be_chosen() -> None:
    graph = describe(residual(), X[:2])
    assert create("merge").plan(graph).repair == "least_squares"
    assert create("merge", {"compensate": "batch_norm"}).plan(graph).repair == "batch_norm"
