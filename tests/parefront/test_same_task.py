"""A run is bound to its task and its device: another one's results are never returned, nor mixed with its own."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

import parefront as pf
from parefront.evaluators.device.device import Device
from parefront.search.runs.identity.task_fingerprint import fingerprint_of
from parefront.search.runs.run import Run

from .conftest import Command, FormulaEvaluator

RANDOM: dict[str, Any] = {"trials": 3, "search": {"sampler": "random"}, "progress": False}
SEARCH = ("search", "demo/search.yaml")


def error_of_each(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return (outputs - nn.functional.one_hot(targets, 4)).square().mean(1)


def other_model(task: pf.Task) -> pf.Task:
    """The same task with a wider network of the same class."""
    layers = (nn.Conv2d(1, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4))
    return replace(task, model=nn.Sequential(*layers).eval())


def other_labels(task: pf.Task) -> pf.Task:
    assert isinstance(task.search, TensorDataset)
    images, labels = task.search.tensors
    return replace(task, search=TensorDataset(images, (labels + 1) % 4))


@pytest.mark.parametrize("other", [other_model, other_labels])
def test_the_default_name_of_another_task_gets_a_number(
    project: Path, formula: FormulaEvaluator, small_task: pf.Task, other: Any
) -> None:
    names = [pf.compress(task, **RANDOM).name for task in (small_task, other(small_task), small_task)]
    assert names == ["sequential", "sequential-2", "sequential"]
    assert formula.evaluations == 6


def test_the_default_name_with_other_settings_gets_a_number(
    project: Path, formula: FormulaEvaluator, small_task: pf.Task
) -> None:
    pf.compress(small_task, **RANDOM)
    assert pf.compress(small_task, **{**RANDOM, "search": {"sampler": "random", "seed": 5}}).name == "sequential-2"
    assert pf.compress(small_task, **{**RANDOM, "trials": 4}).name == "sequential"


@pytest.mark.parametrize("trials", [3, 5], ids=["finished", "more"])
def test_a_named_run_of_another_task_is_refused_with_what_differs(
    project: Path, formula: FormulaEvaluator, small_task: pf.Task, trials: int
) -> None:
    run = pf.compress(small_task, run="named", **RANDOM)
    says = r'run named is of another task: another architecture; other weights .* e\.g\. run="named-2"'
    with pytest.raises(pf.ConfigError, match=says):
        pf.compress(other_model(small_task), run="named", **{**RANDOM, "trials": trials})
    assert formula.evaluations == 3
    assert Run.open(run.path).settings.trials == 3, "a refused call leaves the run as it is"


def test_data_that_changed_between_two_sessions_is_refused(
    project: Path, formula: FormulaEvaluator, run: Command
) -> None:
    assert run(*SEARCH).code == 0
    task = project / "demo" / "task.py"
    task.write_text(task.read_text().replace("torch.arange(n) % 4", "(torch.arange(n) + 1) % 4"))
    for more in ((), ("--trials", "9")):
        outcome = run(*SEARCH, *more)
        assert outcome.code == 2
        assert "run demo is of another task: another calibration split" in outcome.err
        assert "--run demo-2" in outcome.err
    assert formula.evaluations == 6


def on_another_cpu(run: Run) -> None:
    """As if the run had been made on a machine like this one with another processor."""
    with Device() as device:
        profile = device.profile.to_json()
    path = run.path / "environment.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "device": {**profile, "cpu": "another processor"}}))


def test_a_finished_run_of_another_machine_is_not_returned_and_retarget_is_named(
    project: Path, formula: FormulaEvaluator, small_task: pf.Task
) -> None:
    made = pf.compress(small_task, run="there", **RANDOM)
    on_another_cpu(made)
    with pytest.raises(pf.ConfigError, match=r"measured on another device: another CPU .*parefront retarget there"):
        pf.compress(small_task, run="there", **RANDOM)


def test_a_device_that_is_out_of_reach_does_not_keep_a_finished_run_back(
    project: Path, formula: FormulaEvaluator, small_task: pf.Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = pf.compress(small_task, run="there", **RANDOM)
    on_another_cpu(made)
    monkeypatch.setattr("parefront.evaluators.device.device.sys.executable", "/nowhere/python")
    assert pf.compress(small_task, run="there", **RANDOM).path == made.path


def test_of_a_run_that_kept_no_digests_it_is_said_that_nothing_can_be_told(
    project: Path, formula: FormulaEvaluator, small_task: pf.Task
) -> None:
    made = pf.compress(small_task, **RANDOM)
    (made.path / "task.json").unlink()
    with pytest.warns(UserWarning, match="kept no digests of its task"):
        pf.compress(small_task, run="sequential", **RANDOM)
    assert pf.compress(small_task, **RANDOM).name == "sequential-2"


def test_probes_are_not_taken_over_from_a_run_of_other_data(
    project: Path, formula: FormulaEvaluator, small_task: pf.Task
) -> None:
    pf.compress(small_task, run="first", trials=2, progress=False)
    warm = {"warm_start": "first"}
    pf.compress(small_task, run="same", trials=2, search=warm, progress=False)
    with pytest.raises(pf.ConfigError, match=r"search\.warm_start: run first is of another task: another search split"):
        pf.compress(other_labels(small_task), run="other", trials=2, search=warm, progress=False)


def test_a_metric_whose_direction_the_task_gives_otherwise_is_another_one(small_task: pf.Task) -> None:
    there, here = (
        fingerprint_of(replace(small_task, metric=error_of_each, higher_is_better=higher)) for higher in (False, True)
    )
    assert there.differences(here) == ["another metric (higher is better False there, True here)"]
    assert not there.differences(there)


def test_a_run_that_kept_no_direction_of_its_metric_is_of_the_same_task(small_task: pf.Task) -> None:
    here = fingerprint_of(replace(small_task, metric=error_of_each, higher_is_better=False))
    there = replace(here, metric={**here.metric, "higher is better": "None"})
    assert not there.differences(here)
