"""A network cut where one tensor is alive: the segments one after the other give what the network gives."""

from __future__ import annotations

import pytest
import torch
from torch import fx, nn

from parefront.compressors.repair.segments import segments_of
from parefront.testing.networks import NETWORKS
from parefront.testing.specimen import specimen

from ...flat import add, conv, flat, images, op, relu


def everywhere(_: fx.Node) -> bool:
    return True


def blocks() -> fx.GraphModule:
    """A stem, a residual block, and a head."""
    return flat(
        images(2, 3, 6, 6), ("stem", conv(3, 8), ("input",)), ("act", relu(), ("stem",)),
        ("a", conv(8, 8), ("act",)), ("inner", relu(), ("a",)), ("b", conv(8, 8), ("inner",)),
        ("added", add(), ("act", "b")), ("end", relu(), ("added",)), ("head", conv(8, 3), ("end",)),
    )  # fmt: skip


def test_what_lies_beside_a_shortcut_stays_together() -> None:
    names = [[node.name for node in segment.nodes] for segment in segments_of(blocks(), everywhere)]
    assert names == [["stem"], ["act"], ["a", "inner", "b", "added"], ["end"], ["head"], ["output"]]


def test_it_is_cut_only_where_it_may_be() -> None:
    segments = segments_of(blocks(), lambda node: node.name in ("inner", "end"))
    assert [(segment.start.name, segment.end.name) for segment in segments] == [("input_1", "end"), ("end", "output")]


@pytest.mark.parametrize("network", NETWORKS)
def test_one_after_the_other_they_compute_what_the_network_computes(network: str) -> None:
    subject = specimen(network)
    value = subject.images
    with torch.no_grad():
        for segment in segments_of(subject.net, everywhere):
            value = segment(value)
        assert torch.equal(value, subject.net(subject.images))


def test_each_segment_computes_the_constants_that_it_reads() -> None:
    x = images(2, 4)
    net = flat(
        x, ("constant", op("Constant", {0: torch.ones(4)}, arity=0), ()), ("first", nn.Linear(4, 4), ("input",)),
        ("added", add(), ("first", "constant")), ("second", nn.Linear(4, 4), ("added",)),
        ("end", add(), ("second", "constant")),
    )  # fmt: skip
    segments = segments_of(net, lambda node: node.name == "added")
    assert [[node.name for node in segment.nodes] for segment in segments] == [
        ["constant", "first", "added"],
        ["constant", "second", "end", "output"],
    ]
    with torch.no_grad():
        assert torch.equal(segments[1](segments[0](x)), net(x))
