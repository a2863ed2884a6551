"""Members that differ by their runtime alone are trained once, and measured in each."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from parefront.evaluators.device.device_options import DeviceOptions
from parefront.evaluators.results.candidate import Candidate
from parefront.evaluators.runtimes.choice import RuntimeChoice
from parefront.evaluators.storage.provenance import runtime_of_file
from parefront.evaluators.trial.evaluate import TaskEvaluator
from parefront.evaluators.trial.training.trainer import Trainer
from parefront.search.controller import search
from parefront.search.recovery.members import but_for_runtimes, members_of
from parefront.search.runs.events import Event, Recovering
from parefront.search.runs.record import Outcome, TrialRecord
from parefront.search.runs.run import Run
from parefront.spaces.policy import Policy
from parefront.spaces.runtime_knob import RUNTIME

from .recovering import ASKED, METHODS, QUICK, STEPS, task

pytestmark = pytest.mark.skipif(importlib.util.find_spec("openvino") is None, reason="OpenVINO is not installed")

THERE = "openvino:f32"
CONFIG: dict[str, Any] = {"objectives": ["accuracy", "size"], "search": {"sampler": "random", "trials": 3, "seed": 1}}


def test_members_that_differ_by_more_stand_alone() -> None:
    done = [Policy({"a/b": 1}), Policy({RUNTIME: THERE}), Policy({"a/b": 1, RUNTIME: THERE}), Policy()]
    members = [Candidate(policy, {}) for policy in done]
    assert [[one.policy for one in group] for group in but_for_runtimes(members)] == [[done[0], done[2]], done[1::2]]


@pytest.fixture(scope="module")
def evaluator() -> Iterator[TaskEvaluator]:
    options = DeviceOptions(others=(RuntimeChoice("openvino", "f32"),))
    made = TaskEvaluator(task(), METHODS, options, latency=QUICK)
    yield made
    made.close()


def with_twins(run: Run, evaluator: TaskEvaluator) -> tuple[int, int]:
    """Record a pruned candidate in both runtimes, the second a little more accurate, so that both are on the front."""
    pruned, numbers = evaluator.space.uniform({"prune_channels": 0.5}), (len(run.trials), len(run.trials) + 1)
    for number, runtime in zip(numbers, ({}, {RUNTIME: THERE}), strict=True):
        policy = Policy({**pruned, **runtime})
        made = evaluator.evaluate(policy, run.artifact(policy.digest))
        accuracy = made.metrics["accuracy"]
        better = replace(accuracy, value=accuracy.value + 0.01) if runtime else accuracy
        made = replace(made, metrics={**made.metrics, "accuracy": better}, trial=number)
        run.write_record(TrialRecord(number, policy, Outcome.COMPLETE, made, "", 0.1))
    return numbers


def test_they_are_trained_once_and_measured_in_each(evaluator: TaskEvaluator, tmp_path: Path) -> None:
    search(Run.create(tmp_path / "run", CONFIG), evaluator, raise_errors=True)
    config = {**CONFIG, "search": {**CONFIG["search"], "trials": 5}, "recover": {**ASKED, "take": "always"}}
    run = Run.resume_or_create(tmp_path / "run", config)
    first, second = with_twins(run, evaluator)
    assert {first, second} <= {member.trial for member in members_of(run)}
    events: list[Event] = []

    def trained() -> Run:
        trainer = Trainer(evaluator.builder, run.recover.recipe(few=False), task().train)
        search(run, evaluator, events.append, raise_errors=True, trainer=trainer)
        return Run.open(run.path)

    known = {one.trial: one for one in trained().recovered.all()}
    told = {event.candidate.trial for event in events if isinstance(event, Recovering)}
    assert len({first, second} & told) == 1
    here, there = (known[number].candidate for number in (first, second))
    assert here is not None
    assert there is not None
    assert here.recovered is not None
    assert there.recovered is not None
    assert here.recovered.steps == there.recovered.steps == STEPS
    assert there.accuracy == pytest.approx(here.accuracy, abs=0.01), "the same weights in floats"
    for candidate, runtime in ((here, ""), (there, THERE)):
        assert candidate.artifact is not None
        assert runtime_of_file(candidate.artifact.read_bytes()) == runtime
    assert here.weights is not None
    assert there.weights is not None
    assert here.weights.read_bytes() == there.weights.read_bytes()

    events.clear()
    again = {one.trial: one for one in trained().recovered.all()}
    assert again == known
    assert not any(isinstance(event, Recovering) for event in events)
