"""Residual blocks are found in the data flow, whatever their classes are called."""

from __future__ import annotations

from parefront.compressors.structure.blocks import Block, find_blocks
from parefront.spaces.network.trace import describe
from parefront.testing.specimen import specimen

from ...flat import Step, add, conv, flat, images, op, pooled, relu

X = images(2, 4, 6, 6)


def blocks(*steps: Step) -> list[Block]:
    return find_blocks(describe(flat(X, *steps), X))


def test_branches_joined_to_an_identity_of_the_same_shape_are_blocks() -> None:
    found = find_blocks(specimen("residual").graph)
    assert [block.name for block in found] == ["2", "3", "5"], "block 4 has a convolution for a shortcut"
    assert found[0].layers == ("2.conv1.0", "2.conv2.0")
    assert found[0].identity in specimen("residual").graph.node[found[0].addition].inputs


def test_a_gated_branch_is_a_block_with_all_its_layers() -> None:
    (block,) = find_blocks(specimen("depthwise").graph)
    assert block.layers == ("2.expand.0", "2.depthwise.0", "2.squeeze.1", "2.squeeze.3", "2.project.0")


def test_networks_without_additions_have_none() -> None:
    assert find_blocks(specimen("concat").graph) == []


def test_the_networks_input_can_be_the_identity() -> None:
    graph = describe(flat(X, ("a", conv(4, 4), ("input",)), ("sum", add(), ("a", "input"))), X)
    (block,) = find_blocks(graph)
    assert (block.identity, block.branch) == (graph.nodes[0].name, frozenset({"a"}))


def test_a_branch_that_is_read_elsewhere_is_none() -> None:
    steps = [("a", conv(4, 4), ("input",)), ("b", conv(4, 4), ("a",)), ("sum", add(), ("b", "input"))]
    assert len(blocks(*steps, ("act", relu(), ("sum",)))) == 1
    assert blocks(*steps, ("more", add(), ("sum", "a"))) == []


def test_an_identity_that_is_only_broadcast_is_none() -> None:
    assert blocks(("pool", pooled(), ("input",)), ("a", conv(4, 4), ("pool",)), ("sum", add(), ("a", "input"))) == []


def test_a_branch_without_weights_is_none() -> None:
    assert blocks(("act", relu(), ("input",)), ("sum", add(), ("act", "input"))) == []


def test_a_tensor_added_to_itself_is_none() -> None:
    assert blocks(("a", conv(4, 4), ("input",)), ("sum", add(), ("a", "a"))) == []


def test_a_constant_added_is_none() -> None:
    shift = op("Add", {1: X[0, :, :1, :1]}, arity=1)
    assert blocks(("a", conv(4, 4), ("input",)), ("sum", shift, ("a",))) == []


def test_nested_blocks_are_all_found_with_names_of_their_own() -> None:
    found = blocks(
        ("outer.a", conv(4, 4), ("input",)),
        ("outer.inner.b", conv(4, 4), ("outer.a",)),
        ("sum1", add(), ("outer.a", "outer.inner.b")),
        ("outer.c", conv(4, 4), ("sum1",)),
        ("sum2", add(), ("outer.c", "input")),
    )
    assert {block.name: block.layers for block in found} == {
        "outer.inner.b": ("outer.inner.b",),
        "outer": ("outer.a", "outer.inner.b", "outer.c"),
    }


def test_blocks_that_share_a_prefix_are_told_apart() -> None:
    found = blocks(
        ("body.0", conv(4, 4), ("input",)), ("body.1", conv(4, 4), ("body.0",)), ("sum1", add(), ("input", "body.1")),
        ("body.2", conv(4, 4), ("sum1",)), ("body.3", conv(4, 4), ("body.2",)), ("sum2", add(), ("sum1", "body.3")),
    )  # fmt: skip
    assert [block.name for block in found] == ["body", "sum2"]
