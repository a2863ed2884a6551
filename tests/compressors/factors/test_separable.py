"""k × k convolutions made cheaper: exact where the weights allow it, best in the sense of the data where not."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import Tensor, fx, nn

from parefront.compressors.context import Context
from parefront.compressors.factors.grouping import grouped
from parefront.compressors.factors.rank_one import depthwise_separable
from parefront.compressors.pipeline import Pipeline
from parefront.compressors.registry import create
from parefront.compressors.statistics.calibration import Calibration
from parefront.compressors.statistics.moments import Moments
from parefront.evaluators.quality.accuracy import open_session
from parefront.evaluators.quality.parity import check_parity
from parefront.spaces.errors import ConfigError
from parefront.spaces.knob import Choice
from parefront.spaces.network.emit import emit
from parefront.spaces.network.layers import PaddedConv2d, origin_of
from parefront.spaces.network.ops import Op
from parefront.spaces.network.trace import describe
from parefront.spaces.policy import Policy
from parefront.testing.specimen import specimen

from ...flat import add, chain, conv, flat, images, relu
from ..conftest import Bench, MakeBench

WAYS = ("grouped_2", "grouped_4", "depthwise")
X = images(16, 8, 8, 8)


def choices(net: fx.GraphModule, x: Tensor = X, **options: object) -> dict[str, tuple[object, ...]]:
    return {k.target: k.choices for k in create("separable", options).plan(describe(net, x[:2])).knobs}


def alone(layer: nn.Conv2d, bench: MakeBench, x: Tensor = X, **options: object) -> Bench:
    """A network of a pointwise layer and the one to replace, which two later ones read."""
    net = flat(
        x[:1], ("first", conv(8, 8, 1), ("input",)), ("act", relu(), ("first",)), ("layer", layer, ("act",)),
        ("left", conv(layer.out_channels, 4, 1), ("layer",)), ("right", conv(layer.out_channels, 4, 1), ("layer",)),
        ("sum", add(), ("left", "right")),
    )  # fmt: skip
    return bench(net, x, separable={"compensate": "none", **options})


def called(net: fx.GraphModule) -> list[str]:
    return [str(node.target) for node in net.graph.nodes if node.op == "call_module"]


def padded() -> PaddedConv2d:
    made = PaddedConv2d(8, 12, 3, stride=2)
    made.pads = (0, 1, 0, 1)
    return made


LAYERS = {
    "plain": conv(8, 12),
    "strided": conv(8, 12, stride=2),
    "dilated": nn.Conv2d(8, 12, 3, dilation=2),
    "oblong": nn.Conv2d(8, 12, (1, 5), stride=(2, 1), padding=(0, 2)),
    "same": padded(),
}


def test_only_what_saves_multiply_accumulates_and_divides_the_channels_is_offered() -> None:
    net = chain(
        X[:1], square=conv(8, 8), point=conv(8, 8, 1), odd=conv(8, 6), prime=conv(6, 7), few=conv(7, 1), one=conv(1, 8),
        split=conv(8, 8, groups=2), each=conv(8, 8, groups=8),
    )  # fmt: skip
    assert choices(net) == {
        "square": ("dense", "grouped_2", "grouped_4", "depthwise"),
        "odd": ("dense", "grouped_2", "depthwise"),
        "prime": ("dense", "depthwise"),
        "one": ("dense", "depthwise"),
    }


def test_choices_come_by_falling_multiply_accumulates() -> None:
    narrow, wide = chain(X[:1], layer=conv(8, 4)), chain(X[:1], layer=conv(8, 64))
    ways = ["depthwise", "grouped_4", "grouped_2"]
    assert choices(narrow, ways=ways)["layer"] == ("dense", "grouped_2", "depthwise", "grouped_4")
    assert choices(wide, ways=ways)["layer"] == ("dense", "grouped_2", "grouped_4", "depthwise")
    assert choices(wide, ways=["grouped_8"])["layer"] == ("dense", "grouped_8")


@pytest.mark.parametrize("ways", [[], ["grouped_1"], ["grouped_"], ["pointwise"], ["depthwise", "depthwise"]])
def test_ways_that_are_none_are_refused_in_one_line(ways: list[str]) -> None:
    with pytest.raises(ConfigError, match=r"^compress\.separable: ways: .*expected a list of depthwise and grouped_2"):
        create("separable", {"ways": ways})


@pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)
def test_slices_of_rank_one_are_kept_exactly(layer: nn.Conv2d, bench: MakeBench) -> None:
    taps, outputs = torch.randn(1, 8, *layer.kernel_size), torch.randn(12, 8, 1, 1)
    layer.weight.data = taps * outputs
    subject = alone(layer, bench)
    net = subject.apply({"separable/layer": "depthwise"})
    assert subject.error(net) < 5e-3
    part, last = net.get_submodule("layer_part1"), net.get_submodule("layer")
    assert isinstance(part, nn.Conv2d)
    assert part.groups == 8
    assert isinstance(last, nn.Conv2d)
    assert last.kernel_size == (1, 1)


@pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)
@pytest.mark.parametrize("groups", [2, 4])
def test_weights_in_shuffled_groups_are_kept_exactly(layer: nn.Conv2d, groups: int, bench: MakeBench) -> None:
    owner = torch.randperm(8, generator=torch.Generator().manual_seed(1)) % groups
    of_output = torch.arange(12) * groups // 12
    layer.weight.data = torch.randn(12, 8, *layer.kernel_size) * (of_output[:, None] == owner)[:, :, None, None]
    subject = alone(layer, bench)
    net = subject.apply({"separable/layer": f"grouped_{groups}"})
    assert subject.error(net) < 1e-5
    last = net.get_submodule("layer")
    assert isinstance(last, nn.Conv2d)
    assert last.groups == groups


def test_rank_one_is_the_best_for_the_inputs_that_there_are() -> None:
    """No other taps of a channel, with the best pointwise weights for them, give a smaller error on its inputs."""
    torch.manual_seed(0)
    layer = conv(1, 6)
    mixed = torch.randn(400, 9) @ torch.randn(9, 9)
    moments = Moments.of(mixed.unsqueeze(2))
    covariance, weight = moments.covariance[0].double(), layer.weight.detach().view(6, 9).double()

    def error(taps: Tensor) -> float:
        outputs = weight @ covariance @ taps / (taps @ covariance @ taps)
        left = weight - outputs[:, None] * taps
        return float((left @ covariance * left).sum())

    chosen = depthwise_separable(layer, moments)[0].get_parameter("weight").detach().view(9).double()
    best = error(chosen)
    plain = torch.linalg.svd(weight).Vh[0]
    assert best < 0.99 * error(plain)
    assert all(best <= error(chosen + 0.3 * chosen.norm() * torch.randn(9).double()) for _ in range(200))


def test_the_mean_of_what_is_left_out_goes_into_the_bias(bench: MakeBench) -> None:
    for way in WAYS:
        subject = alone(nn.Conv2d(8, 12, 3), bench, images(16, 8, 5, 5))
        net = subject.apply({"separable/layer": way})
        means = [subject.outputs(n).mean((0, 2, 3)) for n in (subject.net, net)]
        torch.testing.assert_close(means[1], means[0], rtol=1e-3, atol=1e-3)


def test_channels_go_to_the_groups_that_they_matter_to() -> None:
    """Against every way to share 6 channels between two groups of three: the best is found."""
    torch.manual_seed(3)
    layer = conv(6, 4)
    moments = Moments.of(torch.randn(300, 9, 6) * torch.rand(6))
    made, order = grouped(layer, 2, moments)
    weight = layer.weight.detach().flatten(2)
    energy = torch.einsum("oct,ctu,ocu->oc", weight, moments.covariance, weight)

    def kept(first: list[int]) -> float:
        second = [c for c in range(6) if c not in first]
        return float(energy[:2, first].sum() + energy[2:, second].sum())

    assert sorted(order.tolist()) == list(range(6))
    assert kept(order[:3].tolist()) == pytest.approx(max(kept(list(c)) for c in itertools.combinations(range(6), 3)))
    torch.testing.assert_close(made.weight[2:], layer.weight[2:, order[3:]])


def test_a_shuffle_is_done_by_the_layer_before_where_that_is_free(bench: MakeBench) -> None:
    subject = alone(conv(8, 12), bench)
    net = subject.apply({"separable/layer": "grouped_2"})
    assert called(net) == ["first", "act", "layer", "left", "right", "sum"]
    order = origin_of(net.get_submodule("first"))
    assert sorted(order.tolist()) == list(range(8))
    assert torch.equal(net.get_parameter("first.weight"), subject.net.get_parameter("first.weight")[order])


def test_a_shuffle_of_what_others_read_too_is_a_gather(bench: MakeBench, tmp_path: Path) -> None:
    net = flat(
        X[:1], ("first", conv(8, 8, 1), ("input",)), ("act", relu(), ("first",)), ("layer", conv(8, 8), ("act",)),
        ("sum", add(), ("layer", "act")),
    )  # fmt: skip
    subject = bench(net, X, separable={})
    changed = subject.apply({"separable/layer": "grouped_2"})
    assert called(changed) == ["first", "act", "layer_part1", "layer", "sum"]
    assert isinstance(changed.get_submodule("layer_part1"), Op)
    artifact = emit(changed, tmp_path / "x.onnx", X[:2])
    assert [node.op_type for node in onnx.load(artifact.path).graph.node] == ["Conv", "Relu", "Gather", "Conv", "Add"]
    check_parity(open_session(artifact.path, threads=1), changed, X[:2])


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("network", ["plain", "residual"])
def test_compensation_resolves_what_takes_the_place_of_a_layer(way: str, network: str, bench: MakeBench) -> None:
    errors = {}
    for method in ("least_squares", "none"):
        subject = bench(network, separable={"compensate": method})
        errors[method] = subject.error(subject.uniform(separable=way))
    assert errors["least_squares"] < 0.8 * errors["none"]


def test_a_grouped_layer_is_solved_as_numpy_solves_each_group(
    bench: MakeBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("parefront.compressors.repair.compensate.RIDGE", 1e-9)
    x = images(64, 8, 3, 3)
    net = chain(x[:1], layer=nn.Conv2d(8, 6, 3))
    changed = bench(net, x, separable={}).apply({"separable/layer": "grouped_2"})
    order = changed.get_submodule("layer_part1").get_buffer("constant_1")
    with torch.no_grad():
        wanted = net(x).flatten(1).numpy()
        given = changed(x).flatten(1).numpy()
    for group in range(2):
        read = x[:, order[group * 4 : group * 4 + 4]].flatten(1).numpy()
        design = np.hstack([read, np.ones((64, 1))]).astype(np.float64)
        of_group = wanted[:, group * 3 : group * 3 + 3]
        solution = np.linalg.lstsq(design, of_group, rcond=None)[0]
        np.testing.assert_allclose(given[:, group * 3 : group * 3 + 3], design @ solution, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(("width", "groups"), [(8, 4), (6, 3), (7, 1), (2, 2)])
def test_a_pruned_layer_gets_as_many_groups_as_divide_what_is_left(width: int, groups: int, bench: MakeBench) -> None:
    net = chain(X[:1], first=conv(8, 8), act=relu(), layer=conv(8, 12), last=conv(12, 4, 1))
    subject = bench(net, X, prune_channels={"round_to": 1}, separable={})
    policy: dict[str, Choice] = {"prune_channels/first": 1 - width / 8, "separable/layer": "grouped_4"}
    layer = subject.apply(policy).get_submodule("layer")
    assert isinstance(layer, nn.Conv2d)
    assert (layer.in_channels, layer.groups) == (width, groups)


def test_a_layer_that_is_too_narrow_to_save_anything_is_left_alone(bench: MakeBench) -> None:
    net = chain(X[:1], first=conv(8, 8), act=relu(), layer=conv(8, 12), last=conv(12, 4, 1))
    subject = bench(net, X, prune_channels={"round_to": 1}, separable={})
    changed = subject.apply({"prune_channels/layer": 11 / 12, "separable/layer": "depthwise"})
    assert called(changed) == ["first", "act", "layer", "last"]


def test_every_layer_of_a_pruned_network_can_be_made_cheaper(bench: MakeBench) -> None:
    for way in WAYS:
        subject = bench("residual", drop_blocks={}, prune_channels={"round_to": 1}, separable={})
        space = Pipeline.of(subject.compressors, subject.graph).space
        net = subject.apply({**space.uniform({"prune_channels": 0.375, "separable": way}), "drop_blocks/2": True})
        assert torch.isfinite(subject.outputs(net)).all()
        example = subject.calibration.example
        assert describe(net, example).macs < 0.8 * describe(subject.net, example).macs


def test_a_shuffle_and_the_parts_of_a_layer_are_int8_where_the_layer_is(bench: MakeBench, tmp_path: Path) -> None:
    net = flat(
        X[:1], ("first", conv(8, 8, 1), ("input",)), ("act", relu(), ("first",)), ("layer", conv(8, 8), ("act",)),
        ("sum", add(), ("layer", "act")), ("deep", conv(8, 8), ("sum",)), ("last", conv(8, 4, 1), ("deep",)),
    )  # fmt: skip
    subject = bench(net, X, separable={}, quantize={})
    bits = {f"quantize/{name}": 8 for name in ("first", "layer", "deep", "last")}
    changed = subject.apply({**bits, "separable/layer": "grouped_2", "separable/deep": "depthwise"})
    artifact = emit(changed, tmp_path / "x.onnx", X[:2])
    nodes = onnx.load(artifact.path).graph.node
    made_by = {output: node.op_type for node in nodes for output in node.output}
    read = {node.op_type: made_by[node.input[0]] for node in nodes if node.op_type == "Gather"}
    assert read == {"Gather": "DequantizeLinear"}
    convs = [node for node in nodes if node.op_type == "Conv"]
    assert len(convs) == 5
    assert all(made_by[value] == "DequantizeLinear" for node in convs for value in node.input)
    check_parity(open_session(artifact.path, threads=1), changed, X[:2])


def test_the_pass_for_the_inputs_is_counted_among_the_forward_passes(bench: MakeBench) -> None:
    subject = specimen("plain")
    data = Calibration(subject.net, subject.calibration.inputs)
    pipeline = Pipeline.of([create("separable")], subject.graph)
    assert data.targets
    pipeline.apply(subject.net, Policy({"separable/2.0": "depthwise"}), Context(subject.graph, data))
    assert data.forward_seconds > 0
