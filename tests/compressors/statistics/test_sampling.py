"""What least squares sees: patches as torch unfolds them, outputs at the same places, sums where a branch is closed."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from parefront.compressors.statistics.sampling import at_rows, choose_rows, is_dense, output_width, patches, targets_of
from parefront.spaces.network.layers import PaddedConv2d
from parefront.testing.specimen import specimen

from ...flat import add, chain, conv, flat, images, op, pooled, relu


def padded(pads: tuple[int, int, int, int], stride: int) -> PaddedConv2d:
    made = PaddedConv2d(3, 4, 3, stride=stride)
    made.pads = pads
    return made


CONVS = {
    "plain": nn.Conv2d(3, 4, 3, padding=1),
    "strided": nn.Conv2d(3, 4, 3, stride=2, padding=1),
    "dilated": nn.Conv2d(3, 4, 3, dilation=2),
    "oblong": nn.Conv2d(3, 4, (1, 5), stride=(2, 1), padding=(0, 2)),
    "same": padded((0, 1, 0, 1), 2),
    "uneven": padded((2, 1, 0, 3), 1),
}


@pytest.mark.parametrize("layer", CONVS.values(), ids=CONVS)
def test_patches_times_the_weight_are_the_outputs(layer: nn.Conv2d) -> None:
    x = images(3, 3, 9, 8)
    output = layer(x)
    places = output[0, 0].numel()
    rows = torch.stack([torch.randperm(places, generator=torch.Generator().manual_seed(i))[:7] for i in range(3)])
    assert output_width(layer, x) == output.shape[3]
    read = patches(layer, x, output.shape[3], rows)
    assert read.shape == (21, layer.weight[0, 0].numel(), 3)
    weight = layer.weight.flatten(2).transpose(1, 2).flatten(1)
    assert layer.bias is not None
    torch.testing.assert_close(read.flatten(1) @ weight.T + layer.bias, at_rows(layer, output, rows))


def test_patches_are_those_that_torch_unfolds() -> None:
    layer, x = CONVS["strided"], images(2, 3, 8, 8)
    unfolded = F.unfold(x, 3, padding=1, stride=2).transpose(1, 2).reshape(32, 3, 9)
    rows = torch.arange(16).expand(2, 16)
    assert torch.equal(patches(layer, x, 4, rows), unfolded.transpose(1, 2))


@pytest.mark.parametrize("shape", [(5, 6), (5, 7, 6), (5, 3, 4, 6)])
def test_a_linear_layer_has_its_channels_last_whatever_the_rank(shape: tuple[int, ...]) -> None:
    layer, x = nn.Linear(6, 4), images(*shape)
    places = x[0].numel() // 6
    rows = torch.stack([torch.randperm(places)[: max(1, places // 2)] for _ in range(5)])
    read = patches(layer, x, output_width(layer, x), rows)
    torch.testing.assert_close(layer(read.squeeze(1)), at_rows(layer, layer(x), rows))


def test_targets_are_outputs_at_places_that_are_all_different() -> None:
    subject = specimen("residual")
    inputs = subject.calibration.inputs[:16]
    values: dict[str, Tensor] = {}
    for name, layer in subject.net.named_modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            layer.register_forward_hook(lambda _, __, output, name=name: values.update({name: output}))
    targets = targets_of(subject.net, inputs)
    for layer in subject.net.modules():
        layer._forward_hooks.clear()
    names = {node.name: str(node.target) for node in subject.net.graph.nodes}
    assert {names[node] for node in targets} == values.keys()
    for node, target in targets.items():
        layer = subject.net.get_submodule(names[node])
        assert all(len(set(row)) == len(row) for row in target.rows.tolist())
        assert torch.equal(target.outputs, at_rows(layer, values[names[node]], target.rows))
    again = targets_of(subject.net, inputs)
    assert all(torch.equal(again[node].rows, target.rows) for node, target in targets.items())


def test_what_a_pool_makes_of_a_layer_is_sampled_under_the_pools_name() -> None:
    x = images(4, 3, 8, 8)
    pool = op("MaxPool", kernel_shape=[2, 2], strides=[2, 2])
    net = chain(x, a=conv(3, 4), act=relu(), pool=pool, b=conv(4, 4))
    targets = targets_of(net, x, {"a": "pool"})
    assert targets.keys() == {"a", "pool", "b"}
    layer, found = net.get_submodule("a"), targets["pool"]
    with torch.no_grad():
        assert torch.equal(found.outputs, at_rows(layer, pool(layer(x)), found.rows))
    assert int(found.rows.max()) < 16


def test_only_layers_that_close_a_branch_have_sums() -> None:
    targets = targets_of(specimen("residual").net, images(4, 3, 16, 16))
    closing = {name for name, target in targets.items() if target.sums is not None}
    assert closing == {"_2_conv2_0", "_3_conv2_0", "_4_conv2_0", "_4_shortcut_0", "_5_conv2_0"}


def test_what_is_broadcast_into_a_sum_is_no_branch() -> None:
    x = images(4, 4, 6, 6)
    net = flat(
        x, ("a", conv(4, 4), ("input",)), ("pool", pooled(), ("input",)), ("b", conv(4, 4, 1), ("pool",)),
        ("sum", add(), ("a", "b")),
    )  # fmt: skip
    assert all(target.sums is None for target in targets_of(net, x).values())


def test_grouped_and_one_dimensional_convolutions_are_not_solved() -> None:
    assert is_dense(nn.Conv2d(4, 4, 3))
    assert is_dense(nn.Linear(4, 4))
    assert not is_dense(nn.Conv2d(4, 4, 3, groups=2))
    assert not is_dense(nn.Conv1d(4, 4, 3))


@pytest.mark.parametrize(("channels", "places"), [(16, 4608), (32, 4608), (56, 3932), (64, 3008), (128, 2304)])
def test_wide_layers_are_solved_on_fewer_places(channels: int, places: int) -> None:
    rows = choose_rows(torch.zeros(64, channels, 16, 16), conv(channels, channels), "layer")
    assert rows.numel() == pytest.approx(places, abs=64)
    assert all(len(set(of_image)) == rows.shape[1] for of_image in rows.tolist())
