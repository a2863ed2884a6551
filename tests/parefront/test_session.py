"""From a config to an evaluator: what the config asks for is measured."""

from __future__ import annotations

import gc
import weakref
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from parefront.config.schema import load_config
from parefront.evaluator_spec import needs_memory
from parefront.search.runs.run import Run
from parefront.search.runs.settings import SearchSettings
from parefront.session import Job
from parefront.spaces.errors import ConfigError
from parefront.spaces.network.graph import ModelGraph
from parefront.spaces.task import Task
from parefront.task_check.memory_check import MemoryNeed


@pytest.mark.parametrize(
    ("objectives", "budget", "needed"),
    [
        (["accuracy", "latency"], [], False),
        (["accuracy", "latency"], ["size <= 300KB"], False),
        (["accuracy", "memory"], [], True),
        (["accuracy", "memory_bytes"], [], True),
        (["accuracy", "latency"], ["memory <= 10MB"], True),
    ],
)
def test_memory_is_measured_for_every_candidate_where_it_is_judged_by(
    objectives: list[str], budget: list[str], needed: bool
) -> None:
    assert needs_memory(SearchSettings.from_config({"objectives": objectives, "budget": budget})) is needed


def test_teachers_are_kept_by_their_place_relative_to_the_run(project: Path) -> None:
    path = project / "demo" / "search.yaml"
    config = load_config(path, ["recover.teachers=[big.py:make, package.big:make]"])
    job = Job.from_file(config, path, project / "runs" / "demo")
    assert job.settings["recover"]["teachers"] == ["../../demo/big.py:make", "package.big:make"]


def test_a_loader_decides_on_the_size_of_batches_itself(project: Path) -> None:
    path = project / "demo" / "search.yaml"
    job = Job.from_file(load_config(path, ["recover.steps=5", "recover.batch=32"]), path, project / "runs" / "demo")
    loader = DataLoader(TensorDataset(torch.zeros(8, 3)), batch_size=4)
    with pytest.raises(ConfigError, match=r"recover\.batch: task\.train is a DataLoader"):
        job._trainer_of(cast(Any, None), loader, Run(job.run, job.settings, job.root))


def test_the_user_s_model_is_let_go_once_it_is_traced(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = project / "demo" / "search.yaml"
    job = Job.from_file(load_config(path, []), path, project / "runs" / "demo")
    models: list[weakref.ref[Any]] = []
    alive: list[object] = []

    def task() -> Task:
        made = job.task()
        models.append(weakref.ref(made.model))
        return made

    def search(*_: Any, **__: Any) -> None:
        gc.collect()
        alive.extend(model() for model in models)

    monkeypatch.setattr("parefront.session.search", search)
    replace(job, task=task).search(lambda _: None, lambda _: None)
    assert alive == [None]


def test_a_search_that_cannot_have_the_memory_it_needs_warns_in_its_log(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = project / "demo" / "search.yaml"
    job = Job.from_file(load_config(path, []), path, project / "runs" / "demo")
    monkeypatch.setattr("parefront.session.search", lambda *_, **__: None)
    monkeypatch.setattr(MemoryNeed, "warning", lambda _: "little memory")
    job.search(lambda _: None, lambda _: None)
    assert "warning: little memory" in (project / "runs" / "demo" / "log.txt").read_text()
    assert job.memory_need(ModelGraph((), ())).worker > 0
