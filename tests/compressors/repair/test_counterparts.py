"""Values of a pruned network are told to be those of the uncompressed one, in the channels that are left."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, fx, nn

from parefront.compressors.repair.counterparts import Counterpart, Values, counterpart_of, shapes_of
from parefront.testing.specimen import specimen

from ...flat import add, chain, conv, flat, flatten, images, op, pooled, relu, value_of
from ..conftest import MakeBench


def counterpart(pruned: fx.GraphModule, net: fx.GraphModule, name: str, x: Tensor) -> Counterpart | None:
    (node,) = (node for node in pruned.graph.nodes if node.name == name)
    return counterpart_of(pruned, node, shapes_of(pruned, x)[name], shapes_of(net, x)[name])


@pytest.mark.parametrize("name", ["stem", "act", "pool", "flat"])
def test_what_a_pruned_layer_gives_is_what_the_kept_channels_gave(name: str, bench: MakeBench) -> None:
    x = images(8, 3, 6, 6)
    net = chain(x[:1], stem=conv(3, 8), act=relu(), pool=pooled(), flat=flatten(), head=nn.Linear(8, 4))
    pruned = bench(net, x, prune_channels={"round_to": 1, "compensate": "none"}).apply({"prune_channels/stem": 0.5})
    found = counterpart(pruned, net, name, x)
    assert found is not None
    torch.testing.assert_close(found.of(value_of(net, name, x)), value_of(pruned, name, x))


def test_behind_an_addition_they_are_those_of_either_branch(bench: MakeBench) -> None:
    x = images(8, 3, 6, 6)
    net = flat(
        x, ("left", conv(3, 8), ("input",)), ("right", conv(3, 8), ("input",)), ("added", add(), ("left", "right")),
        ("head", conv(8, 3), ("added",)),
    )  # fmt: skip
    subject = bench(net, x, prune_channels={"round_to": 1, "compensate": "none"})
    pruned = subject.uniform(prune_channels=0.5)
    found = counterpart(pruned, net, "added", x)
    assert found is not None
    torch.testing.assert_close(found.of(value_of(net, "added", x)), value_of(pruned, "added", x))


def test_where_nothing_was_removed_all_of_it_is_compared() -> None:
    subject = specimen("residual")
    found = counterpart(subject.net, subject.net, "relu", subject.images)
    assert found is not None
    assert found.axis is None


def test_channels_that_were_moved_about_have_none(bench: MakeBench) -> None:
    x = images(8, 3, 6, 6)
    net = chain(
        x[:1], stem=conv(3, 8), moved=op("Transpose", perm=[0, 2, 3, 1]), head=nn.Linear(8, 4),
        back=op("Transpose", perm=[0, 3, 1, 2]),
    )  # fmt: skip
    pruned = bench(net, x, prune_channels={"round_to": 1, "compensate": "none"}).apply({"prune_channels/stem": 0.5})
    assert counterpart(pruned, net, "moved", x) is None


def test_values_are_computed_no_further_than_to_what_is_asked_for() -> None:
    subject = specimen("residual")
    run: list[str] = []
    values = Values(subject.net, subject.images, ["relu", "relu_2"])
    expected = value_of(subject.net, "relu_2", subject.images)
    handles = [
        layer.register_forward_hook(lambda *_, name=name: run.append(name))
        for name, layer in subject.net.named_modules()
        if isinstance(layer, nn.Conv2d)
    ]
    assert torch.equal(values.of("relu_2"), expected)
    assert values.of("relu").shape == (64, 16, 16, 16)
    for handle in handles:
        handle.remove()
    assert run == ["0.0", "2.conv1.0", "2.conv2.0"]
