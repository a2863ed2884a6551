"""Who feeds whom alone: through activations of any make, and through nothing else."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from parefront.compressors.statistics.neighbours import layer_before, pools_behind
from parefront.spaces.network.graph import ModelGraph
from parefront.spaces.network.trace import describe

from ...flat import Step, add, conv, flat, images, op, pooled, relu

X = images(2, 4, 8, 8)
A: Step = ("a", conv(4, 4), ("input",))


def graph(*steps: Step) -> ModelGraph:
    return describe(flat(X, *steps), X)


def last(*reads: str) -> Step:
    return ("b", conv(4, 4), reads)


ALONE: dict[str, tuple[Step, ...]] = {
    "directly": (A, last("a")),
    "a ReLU": (A, ("act", relu(), ("a",)), last("act")),
    "a PReLU": (A, ("act", op("PRelu", {1: torch.full((4, 1, 1), 0.1)}), ("a",)), last("act")),
    "x · σ(x)": (A, ("σ", op("Sigmoid"), ("a",)), ("act", op("Mul", arity=2), ("a", "σ")), last("act")),
}
NOT_ALONE: dict[str, tuple[Step, ...]] = {
    "the input": (last("input"),),
    "a pool": (A, ("pool", op("MaxPool", kernel_shape=[3, 3], pads=[1, 1, 1, 1]), ("a",)), last("pool")),
    "two layers": (A, ("c", conv(4, 4), ("input",)), ("sum", add(), ("a", "c")), last("sum")),
    "a layer and the input": (A, ("sum", add(), ("a", "input")), last("sum")),
    "a layer that another reads": (A, ("act", relu(), ("a",)), last("act"), ("sum", add(), ("a", "b"))),
    "an activation that another reads": (A, ("act", relu(), ("a",)), last("act"), ("sum", add(), ("act", "b"))),
    "a value that grew": (
        ("pool", pooled(), ("input",)), ("a", conv(4, 4, 1), ("pool",)),
        ("wide", op("Add", {1: torch.zeros(4, 8, 8)}), ("a",)), last("wide"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("steps", ALONE.values(), ids=ALONE)
def test_a_layer_is_found_through_any_activation(steps: tuple[Step, ...]) -> None:
    assert layer_before(graph(*steps), "b") == "a"


@pytest.mark.parametrize("steps", NOT_ALONE.values(), ids=NOT_ALONE)
def test_what_is_fed_by_more_or_feeds_more_has_none(steps: tuple[Step, ...]) -> None:
    assert layer_before(graph(*steps), "b") is None


def test_a_layer_has_the_pool_that_alone_reads_it() -> None:
    pool = op("AveragePool", kernel_shape=[2, 2], strides=[2, 2])
    head = ("b", nn.Conv2d(4, 2, 1), ("pool",))
    assert pools_behind(graph(A, ("act", relu(), ("a",)), ("pool", pool, ("act",)), head)) == {"a": "pool"}
    assert pools_behind(graph(A, ("pool", pooled(), ("a",)), head)) == {}
