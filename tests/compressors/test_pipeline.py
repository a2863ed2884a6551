"""A policy carried out: structure first, then one repair of all of it, then what needs the final weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import pytest
import torch
from torch import fx

from parefront.compressors.base import Compressor
from parefront.compressors.context import Context
from parefront.compressors.pipeline import Pipeline
from parefront.compressors.plan import Plan
from parefront.compressors.registry import create
from parefront.compressors.repair.registry import BUILT_IN
from parefront.compressors.stage import Stage
from parefront.spaces.errors import ConfigError
from parefront.spaces.knob import Choice, Knob
from parefront.spaces.network.graph import ModelGraph
from parefront.spaces.policy import Policy
from parefront.testing.specimen import specimen

from .conftest import MakeBench

log: list[str] = []


class Recorded(Compressor):
    """Writes down when it is applied."""

    name: ClassVar[str] = "recorded"
    stage: ClassVar[int] = Stage.MERGE
    repair = "none"

    def plan(self, graph: ModelGraph) -> Plan:
        knob = Knob(self.name, "9", (0, 1), 0, frozenset({"9"}), 3)
        quick = "covariance" if self.repair == "least_squares" else None
        return Plan(self.name, self.stage, [knob], self.carry_out, repair=self.repair, quick_repair=quick)

    def carry_out(self, net: fx.GraphModule, choices: Mapping[str, Choice], context: Context) -> fx.GraphModule:
        log.append(self.name)
        return net


class Merge(Recorded):
    name: ClassVar[str] = "merge"
    repair = "batch_norm"


class Prune(Recorded):
    name: ClassVar[str] = "prune"
    stage: ClassVar[int] = Stage.PRUNE
    repair = "least_squares"


class BetweenStages(Recorded):
    name: ClassVar[str] = "between"
    stage: ClassVar[int] = Stage.PRUNE + 5


class Sparsify(Recorded):
    name: ClassVar[str] = "sparsify"
    stage: ClassVar[int] = Stage.SPARSIFY


@pytest.fixture
def applied(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was applied, repairs included, in order."""
    log.clear()

    for repair in BUILT_IN.values():
        monkeypatch.setattr(repair, "apply", lambda self, net, context: log.append(f"<{self.name}>"))
    return log


METHODS = [Sparsify(), BetweenStages(), Prune(), Merge()]


def carry_out(*choices: str, pipeline: Pipeline | None = None) -> None:
    subject = specimen("plain")
    policy = Policy({f"{name}/9": 1 for name in choices})
    pipeline = pipeline or Pipeline.of(METHODS, subject.graph)
    pipeline.apply(subject.net, policy, Context(subject.graph, subject.calibration))


def test_methods_are_applied_by_stage_and_repaired_once(applied: list[str]) -> None:
    carry_out("merge", "prune", "sparsify")
    assert applied == ["merge", "prune", "<least_squares>", "sparsify"]


def test_a_method_may_stand_between_two_stages(applied: list[str]) -> None:
    carry_out("between", "merge", "prune")
    assert applied == ["merge", "prune", "between", "<least_squares>"]


def test_methods_of_one_stage_stay_in_the_order_given() -> None:
    graph = specimen("plain").graph
    for first, second in ((Merge(), Recorded()), (Recorded(), Merge())):
        plans = Pipeline.of([Sparsify(), first, second], graph).plans
        assert [plan.method for plan in plans] == [first.name, second.name, "sparsify"]


def test_the_repair_of_a_pipeline_can_be_another(applied: list[str]) -> None:
    thorough = Pipeline.of(METHODS, specimen("plain").graph)
    carry_out("merge", "prune", pipeline=thorough.repaired_by(lambda plan: plan.quick_repair or plan.repair))
    carry_out("merge", "prune", pipeline=thorough.repaired_by(lambda _: "none"))
    carry_out("sparsify", pipeline=thorough.repaired_by(lambda _: "least_squares"))
    assert applied == ["merge", "prune", "<covariance>", "merge", "prune", "sparsify"]


def test_the_repair_is_that_of_the_methods_that_did_something(applied: list[str]) -> None:
    carry_out("merge", "sparsify")
    assert applied == ["merge", "<batch_norm>", "sparsify"]


def test_nothing_structural_no_repair(applied: list[str]) -> None:
    carry_out("sparsify")
    assert applied == ["sparsify"]


def test_structure_alone_is_repaired_too(applied: list[str]) -> None:
    carry_out("prune")
    assert applied == ["prune", "<least_squares>"]


def test_a_repair_that_does_not_exist_is_told_before_anything_is_applied() -> None:
    class Misnamed(Recorded):
        repair = "least_square"

    with pytest.raises(ConfigError, match="unknown repair 'least_square'; did you mean 'least_squares'"):
        Pipeline.of([Misnamed()], specimen("plain").graph)


def test_the_empty_policy_gives_an_equal_copy() -> None:
    subject = specimen("residual")
    methods = [create(name) for name in ("quantize", "prune_channels", "drop_blocks")]
    context = Context(subject.graph, subject.calibration)
    same = Pipeline.of(methods, subject.graph).apply(subject.net, Policy(), context)
    assert same is not subject.net
    assert torch.equal(same(subject.calibration.example), subject.net(subject.calibration.example))


def test_a_space_holds_the_knobs_of_all_methods_in_execution_order() -> None:
    graph = specimen("residual").graph
    methods = [create(name) for name in ("quantize", "prune_channels", "drop_blocks")]
    space = Pipeline.of(methods, graph).space
    assert len(space) == sum(len(method.plan(graph).knobs) for method in methods)
    at_the_first_block = [knob.name for knob in space if knob.position == 1]
    assert at_the_first_block == ["drop_blocks/2", "prune_channels/2.conv1.0", "quantize/2.conv1.0"]
    assert space.removes == {f"drop_blocks/{b}": space[f"drop_blocks/{b}"].layers for b in ("2", "3", "5")}


def test_what_is_void_makes_no_difference_to_the_network(bench: MakeBench) -> None:
    """Equal digests are owed equal networks: the choices that the canonical policy leaves out do nothing."""
    options = {"prune_channels": {"round_to": 8}, "drop_blocks": {}, "quantize": {}}
    subject = bench("residual", **options)
    space = Pipeline.of(subject.compressors, subject.graph).space
    full = Policy({
        "drop_blocks/3": True, "prune_channels/3.conv1.0": 0.5, "quantize/3.conv2.0": 8, "quantize/0.0": 8,
    })  # fmt: skip
    short = space.canonical(full)
    assert short == Policy({"drop_blocks/3": True, "quantize/0.0": 8})
    first, second = (subject.apply(policy).state_dict() for policy in (full, short))
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)
