"""What the base class sees to, whatever the method does: the input untouched, shapes kept, nothing grown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar

import pytest
import torch
from torch import fx, nn

from parefront.compressors.base import Compressor, Stage, Target, in_stages, weights
from parefront.compressors.statistics.calibration import Calibration
from parefront.spaces.errors import Infeasible
from parefront.spaces.knob import Choice, Knob
from parefront.spaces.network.graph import ModelGraph
from parefront.spaces.network.trace import output_shape
from parefront.testing.specimen import specimen

Change = Callable[[fx.GraphModule], None]


class Changing(Compressor):
    """Does to the head whatever it is told."""

    name: ClassVar[str] = "changing"
    stage: ClassVar[Stage] = Stage.FACTORISE

    def __init__(self, change: Change) -> None:
        super().__init__()
        self.change = change

    def knobs(self, graph: ModelGraph) -> list[Knob]:
        return [Knob(self.name, "9", (False, True), False, frozenset({"9"}), graph.by_name["9"].position)]

    def apply(self, net: fx.GraphModule, choices: Mapping[str, Choice], calibration: Calibration) -> fx.GraphModule:
        self.change(net)
        return net


def changed(change: Change) -> fx.GraphModule:
    subject = specimen("plain")
    return Changing(change).compress(subject.net, {"9": True}, subject.calibration)


def test_a_change_is_made_to_a_copy() -> None:
    before = specimen("plain").net.get_parameter("9.weight").clone()

    def negate(net: fx.GraphModule) -> None:
        net.get_parameter("9.weight").data.neg_()

    after = changed(negate)
    assert torch.equal(after.get_parameter("9.weight"), -before)
    assert torch.equal(specimen("plain").net.get_parameter("9.weight"), before)


def test_without_choices_nothing_is_applied() -> None:
    def fail(net: fx.GraphModule) -> None:
        raise AssertionError("there was nothing to apply")

    subject = specimen("plain")
    same = Changing(fail).compress(subject.net, {}, subject.calibration)
    assert same is not subject.net
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
        def apply(self, net: fx.GraphModule, choices: Mapping[str, Choice], calibration: Calibration) -> fx.GraphModule:
            return fx.GraphModule(dict(net.named_modules()), net.graph)

    subject = specimen("plain")
    remade = Remade(lambda net: None).compress(subject.net, {"9": True}, subject.calibration)
    assert output_shape(remade) == (10,)


def test_stages_order_methods_and_equals_stay_as_given() -> None:
    class Early(Changing):
        stage: ClassVar[Stage] = Stage.MERGE

    class Late(Changing):
        stage: ClassVar[Stage] = Stage.QUANTISE

    late, middle, early, other = (kind(lambda net: None) for kind in (Late, Changing, Early, Changing))
    assert in_stages([late, middle, early, other]) == [early, middle, other, late]


def test_an_unknown_device_is_taken_for_a_modern_x86() -> None:
    assert Changing(lambda net: None).target == Target(16, signed_activations=False, full_range_weights=True)
