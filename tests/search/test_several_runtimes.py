"""A search whose device has several runtimes: what its trials begin with, what its front says, and that it goes on."""

from __future__ import annotations

import csv
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from parefront.evaluators.results.fields import Fields
from parefront.evaluators.results.views.policy_words import policy_in_words
from parefront.report.document import Report
from parefront.search.runs.events import Event, Finished
from parefront.search.runs.landmarks import landmarks
from parefront.search.runs.run import Run
from parefront.search.runs.run_shown import device_line
from parefront.spaces.account import account_json
from parefront.spaces.errors import ConfigError, Infeasible
from parefront.spaces.network.graph import ModelGraph
from parefront.spaces.policy import Policy
from parefront.spaces.runtime_knob import RUNTIME, runtime_in, runtime_knob, without_runtime
from parefront.spaces.space import SearchSpace
from parefront.terminal.tables import front_table

from .conftest import SearchIn
from .probing import probe
from .synthetic import SyntheticEvaluator

NAMES = ("onnxruntime", "openvino:f32", "openvino:bf16")
SPEED = {"": 1.0, "onnxruntime": 1.0, "ncnn": 1.0, "mnn": 1.0, "openvino:f32": 0.9, "openvino:bf16": 0.6}
"""Of each runtime, of the first one's time: of floats; integers take 0.8 of it in both others."""


@dataclass
class InSeveral(SyntheticEvaluator):
    """The synthetic network in several runtimes."""

    names: tuple[str, ...] = NAMES

    @property
    def space(self) -> SearchSpace:
        return self._space.beginning_with(runtime_knob(self.names))

    @property
    def bases(self) -> list[Policy]:
        plain = self._space.uniform({"quantize": 8})
        everywhere = [Policy({**done, RUNTIME: name}) for done in (Policy(), plain) for name in self.names[1:]]
        return [plain, *everywhere]

    @property
    def environment(self) -> Mapping[str, Any]:
        return {"device": "formula", "runtimes": list(self.names)}

    def _time(self, policy: Policy) -> float:
        bits = [choice for name, choice in policy.items() if name.startswith("quantize/")]
        runtime = runtime_in(policy)
        faster = SPEED[runtime] if not bits else min(SPEED[runtime], 0.8) if runtime else 1.0
        return faster * super()._time(policy)


@pytest.mark.parametrize("sampler", ["auto", "random", "nsga2", "tpe"])
def test_trials_begin_with_every_runtime_uncompressed_and_in_int8(search_in: SearchIn, sampler: str) -> None:
    evaluator = InSeveral(blocks=3)
    _, front = search_in(evaluator, sampler=sampler, trials=12)
    assert evaluator.evaluated[:5] == evaluator.bases
    assert front.runtimes == NAMES
    assert {front.runtime_of(candidate) for candidate in front} <= set(NAMES)
    assert len({candidate.policy.digest for candidate in front}) == len(front)


def test_whoever_walks_in_an_order_of_its_own_begins_with_that(search_in: SearchIn) -> None:
    evaluator = InSeveral(blocks=1)
    search_in(evaluator, sampler="uniform", trials=30)
    assert evaluator.evaluated[:5] != evaluator.bases
    assert {runtime_in(policy) for policy in evaluator.evaluated} == {"", *NAMES[1:]}


def test_the_default_sampler_finds_the_runtime_that_is_fastest(search_in: SearchIn) -> None:
    _, front = search_in(InSeveral(blocks=4), sampler="auto", trials=30)
    fast = min(front, key=lambda candidate: candidate.metrics["latency_ratio"].value)
    assert runtime_in(fast.policy) == "openvino:bf16"


class WithoutIntegers(InSeveral):
    """The third runtime takes no int8."""

    def probe_costs(self, policy: Policy, artifact: Path, keys: Collection[str]) -> dict[str, float]:
        if runtime_in(policy) == self.names[2] and policy.of("quantize"):
            raise Infeasible("no QuantizeLinear")
        return super().probe_costs(policy, artifact, keys)


@pytest.mark.parametrize("evaluator", [InSeveral(blocks=3), WithoutIntegers(blocks=3, names=(*NAMES, "ncnn"))])
def test_what_runtimes_save_is_measured_of_each_and_nothing_is_made_up_between_them(evaluator: InSeveral) -> None:
    found = probe(evaluator)
    assert found.divergence[RUNTIME] == (0.0,) * len(evaluator.names)
    base = evaluator.space.decode(found.base)
    whole = found.base_costs["latency_ratio"]
    for name, saving in zip(evaluator.names, found.savings["latency_ratio"][RUNTIME], strict=True):
        there = evaluator.space.decode({**found.base, RUNTIME: name})
        known = there == base or not isinstance(evaluator, WithoutIntegers) or name != evaluator.names[2]
        assert saving == pytest.approx(whole - evaluator.exact(there)[1] if known else 0.0)


def test_runtimes_that_are_probed_lose_nothing_in_whatever_order_they_are_listed() -> None:
    class Felt(InSeveral):
        """As if outputs of probes were those of the runtimes, the last one's the nearest."""

        def probe_divergence(self, policy: Policy) -> float:
            return super().probe_divergence(policy) + {"": 0.0, NAMES[1]: 0.5}.get(runtime_in(policy), 0.1)

    found = {names: probe(Felt(blocks=3, names=names)).divergence for names in (NAMES, (NAMES[0], *NAMES[:0:-1]))}
    assert len({tuple(sorted(losses.items())) for losses in found.values()}) == 1


def test_bisecting_takes_the_runtime_that_all_of_the_network_is_best_in(search_in: SearchIn) -> None:
    run, _ = search_in(InSeveral(blocks=3, names=(NAMES[0], *NAMES[:0:-1])), sampler="bisect", trials=4)
    assert {runtime_in(record.policy) for record in run.trials} == {"openvino:bf16"}


def test_a_search_that_was_ended_goes_on_as_it_would_have(search_in: SearchIn) -> None:
    class Ended(Exception):
        pass

    def ends(event: Event) -> None:
        if isinstance(event, Finished) and event.record.number == 6:
            raise Ended

    whole, _ = search_in(InSeveral(blocks=3), name="whole", sampler="auto", trials=12)
    with pytest.raises(Ended):
        search_in(InSeveral(blocks=3), name="parts", sampler="auto", trials=12, on_event=ends)
    parts, _ = search_in(InSeveral(blocks=3), name="parts", sampler="auto", trials=12)
    assert [record.policy for record in parts.trials] == [record.policy for record in whole.trials]


def in_words(run: Run, first: str) -> set[tuple[str, Policy]]:
    """The runtime of each candidate, and what was done to the network."""
    policies = [record.policy for record in run.trials if record.candidate is not None]
    return {(runtime_in(policy) or first, without_runtime(policy)) for policy in policies}


@pytest.mark.parametrize("names", [NAMES[::-1], NAMES[1:], (NAMES[0], NAMES[2])], ids="-".join)
def test_what_is_replayed_runs_in_the_same_runtime_whatever_their_order(
    search_in: SearchIn, names: tuple[str, ...]
) -> None:
    before, _ = search_in(InSeveral(blocks=2), name="before", trials=15)
    after, _ = search_in(
        InSeveral(blocks=2, names=names), name="after", sampler="replay", sampler_options={"run": "before"}, trials=15
    )
    assert in_words(after, names[0]) == {each for each in in_words(before, NAMES[0]) if each[0] in names}


def test_a_run_in_one_runtime_is_replayed_in_that_where_it_is_one_of_several(search_in: SearchIn) -> None:
    before, _ = search_in(SyntheticEvaluator(blocks=2), name="before", trials=8)
    elsewhere = InSeveral(blocks=2, names=("openvino:f32", "onnxruntime"))
    after, _ = search_in(elsewhere, name="after", sampler="replay", sampler_options={"run": "before"}, trials=8)
    assert in_words(after, "openvino:f32") == in_words(before, "onnxruntime")


def test_nothing_is_replayed_of_runtimes_that_are_not_there(search_in: SearchIn) -> None:
    search_in(InSeveral(blocks=2), name="before", trials=8)
    elsewhere = InSeveral(blocks=2, names=("ncnn", "mnn"))
    with pytest.raises(
        ConfigError, match=r"run before has no candidate for what runs here \(onnxruntime, .*, mnn here"
    ):
        search_in(elsewhere, name="after", sampler="replay", sampler_options={"run": "before"}, trials=8)


def test_the_front_says_what_each_member_runs_in(search_in: SearchIn, tmp_path: Path) -> None:
    run, front = search_in(InSeveral(blocks=3), trials=12)
    members = run.to_json()["candidates"]
    assert [member["runtime"] for member in members] == [front.runtime_of(candidate) for candidate in front]
    with front.to_csv(tmp_path / "front.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["runtime"] for row in rows] == ["onnxruntime", *(member["runtime"] for member in members)]
    table = front_table(front, 150)
    column = next(column for column in table.columns if column.header == "runs in")
    assert list(column.cells) == [row["runtime"] for row in rows]
    assert Run.open(run.path).front.runtimes == NAMES


def test_the_page_says_of_every_trial_what_it_runs_in(search_in: SearchIn) -> None:
    run, _ = search_in(InSeveral(blocks=2), trials=8)
    trials = Report.of(run).to_json()["trials"]
    names = [runtime_in(record.policy) or NAMES[0] for record in run.trials]
    assert [str(trial["done"]).rsplit(", in ", 1)[-1].removeprefix("in ") for trial in trials] == names
    alone, _ = search_in(SyntheticEvaluator(blocks=2), name="alone", trials=2)
    assert not any(", in " in str(trial["done"]) for trial in Report.of(alone).to_json()["trials"])


def test_a_search_in_one_runtime_says_nothing_of_it(search_in: SearchIn, tmp_path: Path) -> None:
    run, front = search_in(SyntheticEvaluator(blocks=2), trials=4)
    assert front.runtimes == ()
    assert "runtime" not in run.to_json()["candidates"][0]
    assert "runtime" not in front.to_csv(tmp_path / "front.csv").read_text().splitlines()[0].split(",")
    assert "runs in" not in {column.header for column in front_table(front, 150).columns}


def test_what_readers_know_is_told_by_its_runtime(search_in: SearchIn) -> None:
    evaluator = InSeveral(blocks=2)
    run, _ = search_in(evaluator, trials=6)
    known = [record.candidate for record in run.trials if record.candidate is not None]
    graph = Fields(run.path / "graph.json", account_json(ModelGraph((), (), (), ()), evaluator.space))
    assert [mark.name for mark in landmarks(run.baseline, known, graph)][:6] == [
        "uncompressed",
        "plain int8",
        "uncompressed in openvino:f32",
        "uncompressed in openvino:bf16",
        "plain int8 in openvino:f32",
        "plain int8 in openvino:bf16",
    ]


def test_a_policy_names_its_runtime_in_words() -> None:
    assert policy_in_words(Policy({RUNTIME: "openvino:bf16"})) == "in openvino:bf16"
    both = Policy({RUNTIME: "openvino:bf16", "quantize/conv1": 8})
    assert policy_in_words(both) == "1 layer in int8, in openvino:bf16"


def test_a_device_is_told_with_all_of_its_runtimes() -> None:
    other = {"choice": "openvino", "runtime": {"name": "openvino", "version": "2026.4"}, "precision": "bf16"}
    told = {
        **{"name": "this machine", "cpu": "a CPU", "runtime": {"name": "onnxruntime", "version": "1.30"}},
        **{"precision": "as in the file", "threads": 1, "batch": 1, "other_runtimes": [other]},
    }
    assert device_line(told) == "a CPU, onnxruntime 1.30 and openvino 2026.4 in bf16, 1 thread, batch 1"
