"""Coupled channels: cut as torch-pruning cuts them, proved to be the same everywhere, or left out with a reason."""

from __future__ import annotations

import copy
from collections.abc import Collection
from dataclasses import replace

import pytest
import torch
import torch_pruning as tp
from torch import Tensor, fx, nn

from parefront.evaluators.quality.parity import prove
from parefront.spaces.network.channels.cut import cut, layer_channels
from parefront.spaces.network.channels.groups import find_groups
from parefront.spaces.network.graph import ChannelGroup, ModelGraph
from parefront.spaces.network.layers import is_grouped
from parefront.spaces.network.trace import describe
from parefront.spaces.tensors.batch import Tensors
from parefront.testing.networks import NETWORKS
from parefront.testing.specimen import specimen

from ....flat import add, chain, conv, flat, flatten, images, op, pooled, relu

Kept = list[tuple[ChannelGroup, list[int]]]


def group_of(graph: ModelGraph, name: str) -> ChannelGroup:
    return next(group for group in graph.groups if group.name == name)


def with_groups(net: fx.GraphModule, example: Tensor) -> ModelGraph:
    graph = describe(net, example)
    groups, excluded = find_groups(net, graph, example, prove)
    return replace(graph, groups=groups, excluded=excluded)


def reasons(graph: ModelGraph) -> dict[str, str]:
    return {exclusion.name: exclusion.reason for exclusion in graph.excluded}


def some(group: ChannelGroup, seed: int = 0) -> list[int]:
    """Half of a group's channels, scattered, in whole units."""
    units = group.channels // group.unit
    order = torch.randperm(units, generator=torch.Generator().manual_seed(seed))[: max(1, units // 2)]
    return [unit * group.unit + i for unit in sorted(order.tolist()) for i in range(group.unit)]


def shapes(net: nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(parameter.shape) for name, parameter in net.named_parameters()}


def outputs(net: nn.Module, x: Tensor) -> Tensor:
    with torch.no_grad():
        result: Tensor = net(x)
    return result


def with_inputs_masked(net: fx.GraphModule, kept: Kept, x: Tensor) -> Tensor:
    """What the uncut network gives once no dense layer sees the channels that are not kept."""
    masked = copy.deepcopy(net)
    for group, keep in kept:
        for part in group.readers:
            layer = masked.get_submodule(part.layer)
            if not is_grouped(layer):
                gone = [int(local) for root, local in zip(part.roots, part.locals, strict=True) if root not in keep]
                layer.register_forward_pre_hook(lambda layer, inputs, gone=gone: (without(layer, inputs[0], gone),))
    return outputs(masked, x)


def without(layer: nn.Module, x: Tensor, gone: Collection[int]) -> Tensor:
    x = x.clone()
    if isinstance(layer, nn.Linear):
        x[..., list(gone)] = 0
    else:
        x[:, list(gone)] = 0
    return x


@pytest.mark.parametrize("network", NETWORKS)
def test_layers_are_cut_to_the_shapes_that_torch_pruning_gives(network: str) -> None:
    subject = specimen(network)
    assert subject.graph.groups
    for group in subject.graph.groups:
        keep = some(group)
        ours, theirs = copy.deepcopy(subject.net), copy.deepcopy(subject.net)
        cut(ours, [(group, keep)])
        dependencies = tp.DependencyGraph().build_dependency(theirs, subject.images[:4][:1], verbose=False)
        gone = [channel for channel in range(group.channels) if channel not in keep]
        dependencies.get_pruning_group(theirs.get_submodule(group.name), tp.prune_conv_out_channels, gone).prune()
        assert shapes(ours) == shapes(theirs)


@pytest.mark.parametrize("network", NETWORKS)
def test_a_cut_network_is_the_whole_one_with_the_channels_hidden(network: str) -> None:
    subject = specimen(network)
    x = subject.images[:4]
    for group in subject.graph.groups:
        pruned = copy.deepcopy(subject.net)
        cut(pruned, [(group, some(group))])
        expected = with_inputs_masked(subject.net, [(group, some(group))], x)
        torch.testing.assert_close(outputs(pruned, x), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("network", NETWORKS)
def test_all_groups_can_be_cut_together(network: str) -> None:
    """Behind a concatenation a layer reads several groups, and one cut must not shift the channels of the next."""
    subject = specimen(network)
    x = subject.images[:4]
    kept = [(group, some(group, seed)) for seed, group in enumerate(subject.graph.groups)]
    pruned = copy.deepcopy(subject.net)
    cut(pruned, kept)
    for group, keep in kept:
        assert layer_channels(pruned.get_submodule(group.name)) == len(keep)
    torch.testing.assert_close(outputs(pruned, x), with_inputs_masked(subject.net, kept, x), rtol=1e-4, atol=1e-4)


def test_a_residual_stage_is_one_group() -> None:
    group = group_of(specimen("residual").graph, "0.0")
    assert {part.layer for part in group.writers} == {"0.0", "2.conv2.0", "3.conv2.0"}
    assert {part.layer for part in group.readers} == {"2.conv1.0", "3.conv1.0", "4.conv1.0", "4.shortcut.0"}


def test_a_depthwise_layer_and_the_gate_go_with_what_they_work_on() -> None:
    group = group_of(specimen("depthwise").graph, "2.expand.0")
    assert {part.layer for part in group.writers} == {"2.expand.0", "2.depthwise.0", "2.squeeze.3"}
    assert {part.layer for part in group.readers} == {"2.depthwise.0", "2.squeeze.1", "2.project.0"}


def test_behind_a_flatten_a_channel_is_all_its_pixels() -> None:
    group = group_of(specimen("concat").graph, "5.0")
    (head,) = [part for part in group.readers if part.layer == "8"]
    assert head.locals[head.roots == 3].tolist() == list(range(3 * 16, 4 * 16))


def test_behind_a_concatenation_channels_are_counted_on() -> None:
    graph = specimen("concat").graph
    assert group_of(graph, "2.point.0").readers[0].locals.tolist() == list(range(16))
    assert group_of(graph, "2.wide.0").readers[0].locals.tolist() == list(range(16, 32))
    assert group_of(graph, "2.pooled.0").readers[0].locals.tolist() == list(range(32, 48))


def test_groups_are_in_execution_order() -> None:
    for network in NETWORKS:
        positions = [group.position for group in specimen(network).graph.groups]
        assert positions == sorted(positions)


@pytest.mark.parametrize("network", NETWORKS)
def test_classes_are_never_pruned(network: str) -> None:
    graph = specimen(network).graph
    (head,) = graph.output_layers
    assert reasons(graph)[head] == "its output channels are the model's outputs"
    assert not any(head == part.layer for group in graph.groups for part in group.writers)


def test_channels_coupled_to_the_classes_are_never_pruned() -> None:
    x = images(2, 3, 4, 4)
    net = flat(x, ("a", conv(3, 6), ("input",)), ("b", conv(6, 6), ("a",)), ("sum", add(), ("a", "b")))
    graph = with_groups(net, x)
    assert graph.groups == ()
    assert set(reasons(graph)) >= {"a", "b"}


def test_a_shortcut_that_slices_and_pads_takes_its_stages_out() -> None:
    """Option A of He et al. 2016, as ResNets for CIFAR have it: every second pixel, zero channels on either side."""
    x = images(2, 3, 8, 8)
    strided = op("Slice", {1: [0, 0], 2: [99, 99], 3: [2, 3], 4: [2, 2]})
    padded = op("Pad", {1: [0, 4, 0, 0, 0, 4, 0, 0]})
    net = flat(
        x,
        ("stem", conv(3, 8), ("input",)), ("act0", relu(), ("stem",)),
        ("inner", conv(8, 16, stride=2), ("act0",)), ("act1", relu(), ("inner",)), ("outer", conv(16, 16), ("act1",)),
        ("slice", strided, ("act0",)), ("pad", padded, ("slice",)), ("sum", add(), ("pad", "outer")),
        ("act2", relu(), ("sum",)), ("pool", pooled(), ("act2",)), ("flat", flatten(), ("pool",)),
        ("head", nn.Linear(16, 5), ("flat",)),
    )  # fmt: skip
    graph = with_groups(net, x)
    assert [group.name for group in graph.groups] == ["inner"]
    assert "not the same channels everywhere" in reasons(graph)["stem"]


def test_a_shuffle_is_found_out_though_all_shapes_fit() -> None:
    x = images(2, 3, 4, 4)
    shuffle = op("Gather", {1: [0, 4, 1, 5, 2, 6, 3, 7]}, axis=1)
    net = chain(x, a=conv(3, 8), act=relu(), shuffle=shuffle, b=conv(8, 3))
    assert "a" in reasons(with_groups(net, x))


def test_a_concatenation_that_is_flattened_is_left_out_with_a_reason() -> None:
    x = images(2, 3, 4, 4)
    net = flat(
        x,
        ("a", conv(3, 4), ("input",)), ("b", conv(3, 6), ("input",)),
        ("cat", op("Concat", arity=2, axis=1), ("a", "b")), ("flat", flatten(), ("cat",)),
        ("head", nn.Linear(160, 5), ("flat",)),
    )  # fmt: skip
    graph = with_groups(net, x)
    assert graph.groups == ()
    assert reasons(graph)["a"] == "its channels pass through Linear 'head', which does not follow when they are pruned"


def test_a_layer_before_an_operator_without_a_gradient_is_left_out_with_a_reason() -> None:
    x = images(2, 3, 4, 4)
    graph = with_groups(chain(x, a=conv(3, 8), sine=op("Sin"), b=conv(8, 8), act=relu(), c=conv(8, 3)), x)
    assert reasons(graph)["a"] == "Sin 'sine' is not followed when channels are pruned"
    assert [group.name for group in graph.groups] == ["b"]


def test_a_grouped_convolution_loses_whole_groups() -> None:
    x = images(2, 3, 6, 6)
    net = chain(x, a=conv(3, 16), act=relu(), b=conv(16, 16, groups=4), c=conv(16, 3))
    graph = with_groups(net, x)
    for group in graph.groups:
        assert group.unit == 4
        pruned = copy.deepcopy(net)
        cut(pruned, [(group, some(group))])
        torch.testing.assert_close(outputs(pruned, x), with_inputs_masked(net, [(group, some(group))], x))
    assert [group.name for group in graph.groups] == ["a"]


def test_a_single_channel_is_no_choice() -> None:
    x = images(2, 3, 4, 4)
    graph = with_groups(chain(x, a=conv(3, 1), b=conv(1, 3)), x)
    assert reasons(graph)["a"] == "it has a single channel or a single group of channels"


def test_a_group_that_cannot_be_emitted_is_left_out_with_the_reason() -> None:
    def refuse(net: fx.GraphModule, example: Tensors) -> None:
        if layer_channels(net.get_submodule("2.0")) < 32:
            raise RuntimeError("no kernel for this\nwidth")

    subject = specimen("plain")
    groups, excluded = find_groups(subject.net, subject.graph, subject.images[:4][:2], refuse)
    assert [group.name for group in groups] == ["0.0", "5.0"]
    assert {e.name: e.reason for e in excluded}["2.0"] == ("pruned alone, it gives no ONNX file that computes the same")


def test_cutting_one_side_leaves_the_other_side_of_a_layer_whole() -> None:
    subject = specimen("plain")
    pruned = copy.deepcopy(subject.net)
    cut(pruned, [(group_of(subject.graph, "2.0"), list(range(8)))])
    assert pruned.get_submodule("2.0").get_parameter("weight").shape == (8, 16, 3, 3)
    assert pruned.get_submodule("5.0").get_parameter("weight").shape == (32, 8, 3, 3)
