"""Dropped blocks: the network that is left is the one without them."""

from __future__ import annotations

import torch
from torch import nn

from parefront.spaces.network.channels.flow import op_of
from parefront.testing.networks import NETWORKS
from parefront.testing.specimen import specimen

from ...flat import add, conv, flat, images, op, relu
from ..conftest import MakeBench

NONE = {"compensate": "none"}


def operators(net: torch.fx.GraphModule) -> list[str]:
    return [op_of(net, node) for node in net.graph.nodes if node.op == "call_module"]


def test_what_is_left_is_the_users_network_without_the_blocks(bench: MakeBench) -> None:
    subject = bench("residual", drop_blocks=NONE)
    model = NETWORKS["residual"]()[0]
    assert isinstance(model, nn.Sequential)
    shorter = nn.Sequential(*(module for index, module in enumerate(model) if index not in (2, 3, 5)))
    net = subject.apply({f"drop_blocks/{block}": True for block in ("2", "3", "5")})
    with torch.no_grad():
        expected = shorter(subject.calibration.inputs)
    torch.testing.assert_close(subject.outputs(net), expected, rtol=1e-4, atol=1e-4)


def test_nothing_of_a_dropped_block_is_left_nor_the_activation_that_repeats_another(bench: MakeBench) -> None:
    subject = bench("residual", drop_blocks=NONE)
    before, after = operators(subject.net), operators(subject.apply({"drop_blocks/3": True}))
    assert {name: before.count(name) - after.count(name) for name in set(before)} == {
        "Conv": 2, "Relu": 2, "Add": 1, "GlobalAveragePool": 0, "Flatten": 0, "Linear": 0,
    }  # fmt: skip


def test_an_activation_that_changes_its_own_output_stays(bench: MakeBench) -> None:
    x = images(4, 4, 6, 6)
    net = flat(
        x, ("stem", conv(4, 4), ("input",)), ("act1", op("HardSwish"), ("stem",)), ("a", conv(4, 4), ("act1",)),
        ("sum", add(), ("act1", "a")), ("act2", op("HardSwish"), ("sum",)), ("b", conv(4, 4), ("act2",)),
    )  # fmt: skip
    dropped = bench(net, x, drop_blocks=NONE).apply({"drop_blocks/a": True})
    assert operators(dropped) == ["Conv", "HardSwish", "HardSwish", "Conv"]


def test_clips_of_other_bounds_stay(bench: MakeBench) -> None:
    x = images(4, 4, 6, 6)
    bounds = [{1: 0.0, 2: 6.0}, {1: 0.0, 2: 1.0}]
    for second, count in ((bounds[0], 1), (bounds[1], 2)):
        net = flat(
            x, ("stem", conv(4, 4), ("input",)), ("act1", op("Clip", dict(bounds[0])), ("stem",)),
            ("a", conv(4, 4), ("act1",)), ("sum", add(), ("act1", "a")),
            ("act2", op("Clip", dict(second)), ("sum",)), ("b", conv(4, 4), ("act2",)),
        )  # fmt: skip
        dropped = bench(net, x, drop_blocks=NONE).apply({"drop_blocks/a": True})
        assert operators(dropped).count("Clip") == count


def test_other_operators_with_constants_stay_on_both_sides(bench: MakeBench) -> None:
    """Position embeddings and biases are added before and after a block; adding one twice is not adding it once."""
    x, offsets = images(4, 8, 6, 6), images(8, 1, 1)
    net = flat(
        x, ("before", op("Add", {1: offsets}), ("input",)), ("one.a", conv(8, 8), ("before",)),
        ("sum", add(), ("before", "one.a")), ("after", op("Add", {1: offsets}), ("sum",)),
        ("head", conv(8, 3), ("after",)),
    )  # fmt: skip
    subject = bench(net, x, drop_blocks={"compensate": "none"})
    dropped = subject.apply({"drop_blocks/one.a": True})
    with torch.no_grad():
        torch.testing.assert_close(dropped(x), net.get_submodule("head")(x + 2 * offsets))


def test_an_inner_block_can_be_dropped_alone_and_with_the_outer_one(bench: MakeBench) -> None:
    x = images(4, 4, 6, 6)
    net = flat(
        x, ("stem", conv(4, 4), ("input",)), ("o.a", conv(4, 4), ("stem",)), ("o.i.b", conv(4, 4), ("o.a",)),
        ("sum1", add(), ("o.a", "o.i.b")), ("o.c", conv(4, 4), ("sum1",)), ("sum2", add(), ("stem", "o.c")),
        ("act", relu(), ("sum2",)),
    )  # fmt: skip
    subject = bench(net, x, drop_blocks=NONE)
    inner, both = ({"drop_blocks/o.i.b": True, **more} for more in ({}, {"drop_blocks/o": True}))
    assert operators(subject.apply(inner)) == ["Conv", "Conv", "Conv", "Add", "Relu"]
    assert operators(subject.apply(both)) == ["Conv", "Relu"]


def test_a_knob_takes_the_layers_of_its_block_along(bench: MakeBench) -> None:
    (dropper,) = bench("residual", drop_blocks={}).compressors
    graph = specimen("residual").graph
    plan = dropper.plan(graph)
    knob = plan.knobs[0]
    assert (knob.choices, knob.neutral) == ((False, True), False)
    assert plan.removes[knob.target] == knob.layers == {"2.conv1.0", "2.conv2.0"}
    assert knob.position == graph.by_name["2.conv1.0"].position


def test_the_method_of_repair_can_be_chosen(bench: MakeBench) -> None:
    (plan,) = bench("residual", drop_blocks={"compensate": "batch_norm"}).pipeline.plans
    assert plan.repair == "batch_norm"
