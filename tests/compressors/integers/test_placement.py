"""Where activations become integers: int8 flows through whatever can carry it, and a float layer sees floats only."""

from __future__ import annotations

import operator
from collections.abc import Collection

import pytest
from torch import fx, nn

from parefront.compressors.integers.placement import place

from ...flat import Step, add, chain, conv, flat, flatten, images, op, pooled, relu

X = images(2, 4, 8, 8)


def points(net: fx.GraphModule, layers: Collection[str]) -> dict[str, bool]:
    """By step: whether all readers of the point read integers."""
    return {str(node.target): for_all for node, for_all in place(net, layers).points.items()}


def integer(net: fx.GraphModule, layers: Collection[str]) -> set[str]:
    return {str(node.target) for node in place(net, layers).integer}


def block(*, shortcut: nn.Module | None = None) -> fx.GraphModule:
    """A residual block between a stem and a head."""
    side: list[Step] = [("shortcut", shortcut, ("act0",))] if shortcut is not None else []
    return flat(
        X, ("stem", conv(4, 4), ("input",)), ("act0", relu(), ("stem",)), ("a", conv(4, 4), ("act0",)),
        ("act1", relu(), ("a",)), ("b", conv(4, 4), ("act1",)), *side,
        ("sum", add(), ("b", "shortcut" if side else "act0")), ("act2", relu(), ("sum",)),
        ("head", conv(4, 3), ("act2",)),
    )  # fmt: skip


def test_a_point_lies_behind_the_activation_that_it_replaces() -> None:
    net = chain(X, a=conv(4, 4), act=relu(), b=conv(4, 3))
    assert points(net, {"a", "b"}) == {"input": False, "act": True, "b": True}


def test_an_addition_of_two_int8_layers_is_int8() -> None:
    layers = {"stem", "a", "b", "head"}
    net = block()
    assert integer(net, layers) == {*layers, "sum"}
    assert points(net, layers) == {"input": False, "act0": True, "act1": True, "b": True, "act2": True, "head": True}


def test_an_addition_of_a_float_value_is_not() -> None:
    net = block(shortcut=conv(4, 4))
    layers = {"stem", "a", "b", "head"}
    assert "sum" not in integer(net, layers)
    assert "shortcut" not in points(net, layers)
    assert points(net, layers)["act2"] is False, "the head's input is made in float"


def test_an_addition_that_no_int8_layer_reads_is_not() -> None:
    assert "sum" not in integer(block(), {"stem", "a", "b"})


def test_a_float_layer_reads_what_an_int8_layer_wrote_for_others() -> None:
    net = flat(
        X, ("a", conv(4, 4), ("input",)), ("act", relu(), ("a",)), ("b", conv(4, 3), ("act",)),
        ("c", conv(4, 3), ("act",)), ("sum", add(), ("b", "c")),
    )  # fmt: skip
    assert points(net, {"a", "b"})["act"] is True


def test_a_value_made_in_float_stays_float_for_its_float_readers() -> None:
    net = flat(
        X, ("a", conv(4, 4), ("input",)), ("act", relu(), ("a",)), ("b", conv(4, 3), ("act",)),
        ("c", conv(4, 3), ("act",)), ("sum", add(), ("b", "c")),
    )  # fmt: skip
    assert points(net, {"b"}) == {"act": False, "b": True}


@pytest.mark.parametrize(
    "carrier",
    [
        op("MaxPool", kernel_shape=[2, 2], strides=[2, 2]),
        op("AveragePool", kernel_shape=[2, 2], strides=[2, 2]),
        op("LeakyRelu", alpha=0.1),
        op("Sigmoid"),
        op("Pad", {1: [0, 0, 1, 1, 0, 0, 1, 1]}),
        op("Slice", {1: [0], 2: [4], 3: [2]}),
        op("Gather", {1: [2, 0, 3, 1]}, axis=1),
    ],
    ids=lambda carrier: carrier.op_type,
)
def test_int8_passes_through(carrier: nn.Module) -> None:
    net = chain(X, a=conv(4, 4), between=carrier, b=conv(4, 3))
    assert integer(net, {"a", "b"}) == {"a", "between", "b"}
    assert integer(net, {"a"}) == {"a"}


@pytest.mark.parametrize("operator_type", ["Elu", "HardSwish", "Softplus", "Exp"])
def test_what_has_no_integer_kernel_is_done_in_float(operator_type: str) -> None:
    net = chain(X, a=conv(4, 4), between=op(operator_type), b=conv(4, 3))
    assert points(net, {"a", "b"}) == {"input": False, "a": True, "between": False, "b": True}


def test_padding_with_anything_but_zero_is_done_in_float() -> None:
    pad = op("Pad", {1: [0, 0, 0, 0, 0, 0, 1, 1], 2: float("-inf")})
    pool = op("MaxPool", kernel_shape=[3, 3], strides=[2, 2])
    net = chain(X, a=conv(4, 4), pad=pad, pool=pool, b=conv(4, 3))
    assert integer(net, {"a", "b"}) == {"a", "b"}
    assert "pad" not in points(net, {"a", "b"})


def test_a_last_linear_layer_gives_floats_without_a_point() -> None:
    net = chain(X, a=conv(4, 4), act=relu(), pool=pooled(), flat=flatten(), head=nn.Linear(4, 3))
    assert points(net, {"a", "head"}) == {"input": False, "act": True, "pool": True, "flat": True}


def test_a_linear_layer_with_an_activation_has_a_point_behind_it() -> None:
    """ONNX Runtime would else fuse the two into a float operator, and dequantise the weights at every run."""
    net = chain(X[:, 0, 0], a=nn.Linear(8, 6), act=relu(), b=nn.Linear(6, 4))
    assert points(net, {"a"}) == {"input": False, "act": True}


def test_the_parts_of_a_split_have_points_and_the_split_has_none() -> None:
    graph = fx.Graph()
    source = graph.placeholder("input")
    first = graph.call_module("a", (source,))
    split = graph.call_module("split", (first,))
    parts = [graph.call_function(operator.getitem, (split, index)) for index in range(2)]
    graph.output(graph.call_module("b", (graph.call_module("cat", tuple(parts)),)))
    halves = op("Split", axis=1, num_outputs=2)
    halves.outputs = 2
    modules = {"a": conv(4, 4), "split": halves, "cat": op("Concat", arity=2, axis=1), "b": conv(4, 3)}
    placement = place(fx.GraphModule(modules, graph), {"a", "b"})
    assert split in placement.integer
    assert split not in placement.points
    assert all(placement.points[part] for part in parts)


def test_no_int8_layer_no_points() -> None:
    assert place(block(), set()).points == {}
