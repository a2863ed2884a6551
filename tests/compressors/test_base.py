"""What a plan sees to, whatever the method does: shapes kept, nothing grown, and no choices, no change."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar

import pytest
import torch
from torch import fx, nn

from parefront.compressors.base import Compressor
from parefront.compressors.context import Context
from parefront.compressors.pipeline import Pipeline
from parefront.compressors.plan import Plan, weights
from parefront.compressors.stage import Stage
from parefront.compressors.target import Target
from parefront.spaces.errors import Infeasible
from parefront.spaces.knob import Choice, Knob
from parefront.spaces.network.graph import ModelGraph
from parefront.spaces.network.outputs import output_specs
from parefront.spaces.network.rebuild import duplicate
from parefront.spaces.policy import Policy
from parefront.testing.specimen import specimen

Change = Callable[[fx.GraphModule], None]


class Changing(Compressor):
    """Does to the head whatever it is told."""

    name: ClassVar[str] = "changing"
    stage: ClassVar[Stage] = Stage.FACTORISE

    def __init__(self, change: Change) -> None:
        super().__init__()
        self.change = change

    def plan(self, graph: ModelGraph) -> Plan:
        knob = Knob(self.name, "9", (False, True), False, frozenset({"9"}), graph.by_name["9"].position)
        return Plan(self.name, self.stage, [knob], self.carry_out)

    def carry_out(self, net: fx.GraphModule, choices: Mapping[str, Choice], context: Context) -> fx.GraphModule:
        self.change(net)
        return net


def changed(change: Change) -> fx.GraphModule:
    return carried_out(Changing(change), {"9": True})


def carried_out(method: Compressor, choices: Mapping[str, Choice]) -> fx.GraphModule:
    subject = specimen("plain")
    context = Context(subject.graph, subject.calibration)
    return method.plan(subject.graph).apply(duplicate(subject.net), choices, context)


def test_a_pipeline_changes_a_copy() -> None:
    before = specimen("plain").net.get_parameter("9.weight").clone()

    def negate(net: fx.GraphModule) -> None:
        net.get_parameter("9.weight").data.neg_()

    subject = specimen("plain")
    pipeline = Pipeline.of([Changing(negate)], subject.graph)
    after = pipeline.apply(subject.net, Policy({"changing/9": True}), Context(subject.graph, subject.calibration))
    assert torch.equal(after.get_parameter("9.weight"), -before)
    assert torch.equal(specimen("plain").net.get_parameter("9.weight"), before)


def test_without_choices_nothing_is_applied() -> None:
    def fail(net: fx.GraphModule) -> None:
        raise AssertionError("there was nothing to apply")

    subject = specimen("plain")
    same = carried_out(Changing(fail), {})
    assert torch.equal(same(subject.calibration.example), subject.net(subject.calibration.example))


def test_another_output_shape_is_infeasible() -> None:
    def fewer_classes(net: fx.GraphModule) -> None:
        net.set_submodule("9", nn.Linear(32, 9))

    with pytest.raises(Infeasible, match=r"changing changed the output's shape from \(10,\) to \(9,\)"):
        changed(fewer_classes)


def test_outputs_that_are_not_finite_are_infeasible() -> None:
    def overflow(net: fx.GraphModule) -> None:
        net.get_parameter("9.bias").data[3] = float("inf")

    with pytest.raises(Infeasible, match="non-finite"):
        changed(overflow)


def test_more_weights_than_before_are_infeasible() -> None:
    def grow(net: fx.GraphModule) -> None:
        net.set_submodule("9", nn.Sequential(nn.Linear(32, 40), nn.Linear(40, 10)))

    count = weights(specimen("plain").net)
    with pytest.raises(Infeasible, match=f"grew the network from {count} to {count + 33 * 40 + 41 * 10 - 330}"):
        changed(grow)


def test_a_network_made_anew_still_knows_its_output() -> None:
    class Remade(Changing):
        def carry_out(self, net: fx.GraphModule, choices: Mapping[str, Choice], context: Context) -> fx.GraphModule:
            return fx.GraphModule(dict(net.named_modules()), net.graph)

    remade = carried_out(Remade(lambda net: None), {"9": True})
    assert output_specs(remade)["output"].shape == (10,)


def test_an_unknown_device_is_taken_for_a_modern_x86() -> None:
    assert Changing(lambda net: None).target == Target(16, signed_activations=False, full_range_weights=True)
