"""A policy carried out: structure first, then one repair of all of it, then what needs the final weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar

import pytest
import torch
from torch import fx

from parefront.compressors.base import Compressor, Stage
from parefront.compressors.pipeline import compress, order, space_of
from parefront.compressors.registry import create
from parefront.compressors.repair import compensate
from parefront.compressors.statistics.calibration import Calibration
from parefront.spaces.knob import Choice, Knob
from parefront.spaces.network.graph import ModelGraph
from parefront.spaces.policy import Policy
from parefront.testing.specimen import specimen

from .conftest import MakeBench

log: list[str] = []


class Recorded(Compressor):
    """Writes down when it is applied."""

    name: ClassVar[str] = "recorded"
    stage: ClassVar[Stage] = Stage.MERGE
    repair = "none"

    def knobs(self, graph: ModelGraph) -> list[Knob]:
        return [Knob(self.name, "9", (0, 1), 0, frozenset({"9"}), 3)]

    @property
    def compensation(self) -> str:
        return self.repair

    def apply(self, net: fx.GraphModule, choices: Mapping[str, Choice], calibration: Calibration) -> fx.GraphModule:
        log.append(self.name)
        return net


class Merge(Recorded):
    name: ClassVar[str] = "merge"
    repair = "batch_norm"


class Prune(Recorded):
    name: ClassVar[str] = "prune"
    stage: ClassVar[Stage] = Stage.PRUNE
    repair = "least_squares"


class Sparsify(Recorded):
    name: ClassVar[str] = "sparsify"
    stage: ClassVar[Stage] = Stage.SPARSIFY


@pytest.fixture
def applied(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was applied, repairs included, in order."""
    log.clear()

    def recorded(method: str) -> Callable[[fx.GraphModule, Calibration], None]:
        return lambda net, calibration: log.append(f"<{method}>")

    for method in compensate.METHODS:
        monkeypatch.setitem(compensate.METHODS, method, recorded(method))
    return log


def carry_out(*choices: str) -> None:
    subject = specimen("plain")
    policy = Policy({f"{name}/9": 1 for name in choices})
    compress(subject.net, policy, [Sparsify(), Prune(), Merge()], subject.calibration)


def test_methods_are_applied_by_stage_and_repaired_once(applied: list[str]) -> None:
    carry_out("merge", "prune", "sparsify")
    assert applied == ["merge", "prune", "<least_squares>", "sparsify"]


def test_the_repair_is_that_of_the_methods_that_did_something(applied: list[str]) -> None:
    carry_out("merge", "sparsify")
    assert applied == ["merge", "<batch_norm>", "sparsify"]


def test_nothing_structural_no_repair(applied: list[str]) -> None:
    carry_out("sparsify")
    assert applied == ["sparsify"]


def test_structure_alone_is_repaired_too(applied: list[str]) -> None:
    carry_out("prune")
    assert applied == ["prune", "<least_squares>"]


def test_repairs_have_an_order() -> None:
    assert sorted(compensate.METHODS, key=order) == ["none", "batch_norm", "covariance", "least_squares"]


def test_the_empty_policy_gives_an_equal_copy() -> None:
    subject = specimen("residual")
    methods = [create(name) for name in ("quantize", "prune_channels", "drop_blocks")]
    same = compress(subject.net, Policy(), methods, subject.calibration)
    assert same is not subject.net
    assert torch.equal(same(subject.calibration.example), subject.net(subject.calibration.example))


def test_a_space_holds_the_knobs_of_all_methods_in_execution_order() -> None:
    graph = specimen("residual").graph
    methods = [create(name) for name in ("quantize", "prune_channels", "drop_blocks")]
    space = space_of(methods, graph)
    assert len(space) == sum(len(method.knobs(graph)) for method in methods)
    at_the_first_block = [knob.name for knob in space if knob.position == 1]
    assert at_the_first_block == ["drop_blocks/2", "prune_channels/2.conv1.0", "quantize/2.conv1.0"]
    assert space.removes == {f"drop_blocks/{b}": space[f"drop_blocks/{b}"].layers for b in ("2", "3", "5")}


def test_what_is_void_makes_no_difference_to_the_network(bench: MakeBench) -> None:
    """Equal digests are owed equal networks: the choices that the canonical policy leaves out do nothing."""
    options = {"prune_channels": {"round_to": 8}, "drop_blocks": {}, "quantize": {}}
    subject = bench("residual", **options)
    space = space_of(subject.compressors, subject.graph)
    full = Policy({
        "drop_blocks/3": True, "prune_channels/3.conv1.0": 0.5, "quantize/3.conv2.0": 8, "quantize/0.0": 8,
    })  # fmt: skip
    short = space.canonical(full)
    assert short == Policy({"drop_blocks/3": True, "quantize/0.0": 8})
    first, second = (subject.apply(policy).state_dict() for policy in (full, short))
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)
