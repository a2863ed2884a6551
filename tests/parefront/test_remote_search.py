"""A search whose device is another host: the same policies as at home, and nothing lost when the cable is pulled."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from parefront.evaluators.device import channel
from parefront.evaluators.results.candidate import Candidate
from parefront.evaluators.trial.evaluate import TaskEvaluator

from ..remote import PYTHON, Host, another_host
from .conftest import Command

SEARCH = ("search", "demo/search.yaml")
CONFIG: dict[str, Any] = {
    "task": "task.py:task",
    "compress": {"prune_channels": {"round_to": 4}, "quantize": {}},
    "latency": {"min_samples": 8, "min_seconds": 0.01, "max_seconds": 0.03, "warmup_seconds": 0.005},
    "search": {"trials": 6, "sampler": "random", "seed": 3},
}


DEADLINE_SECONDS = 20.0
"""How long a request may go unanswered: a cable that is pulled while a model is sent is noticed by it alone."""


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    with another_host(tmp_path_factory.mktemp("host")) as board:
        yield board


def write_config(project: Path, host: Host | None) -> None:
    device: dict[str, Any] = {"command": shlex.join(host.command), "python": PYTHON} if host else {}
    if host:
        device["deadline_seconds"] = DEADLINE_SECONDS
    (project / "demo" / "search.yaml").write_text(yaml.safe_dump({**CONFIG, "device": device}))


def policies(project: Path, run: str) -> list[dict[str, Any]]:
    files = sorted((project / "runs" / run / "trials").glob("*.json"))
    return [json.loads(path.read_text())["policy"] for path in files]


def test_the_policies_are_those_of_a_local_search(project: Path, host: Host, run: Command) -> None:
    for place, name in ((None, "home"), (host, "away")):
        write_config(project, place)
        outcome = run(*SEARCH, "--run", name)
        assert outcome.code == 0, outcome.err
    assert policies(project, "home") == policies(project, "away")
    assert len(policies(project, "away")) == 6


def test_a_pulled_cable_is_exit_code_5_and_the_same_command_goes_on(
    project: Path, host: Host, run: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channel, "_SILENCE_SECONDS", 4.0)
    write_config(project, host)
    evaluate, calls = TaskEvaluator.evaluate, 0

    def cutting(self: TaskEvaluator, *arguments: Any) -> Candidate:
        nonlocal calls
        calls += 1
        if calls == 4:
            host.unplug()
        return evaluate(self, *arguments)

    monkeypatch.setattr(TaskEvaluator, "evaluate", cutting)
    try:
        outcome = run(*SEARCH)
    finally:
        host.plug()
    assert outcome.code == 5
    assert "cannot reach ssh" in outcome.err.splitlines()[0]
    before = policies(project, "demo")
    assert len(before) == 3

    outcome = run(*SEARCH)

    assert outcome.code == 0, outcome.err
    assert policies(project, "demo")[:3] == before
    assert len(policies(project, "demo")) == 6
    write_config(project, None)
    assert run(*SEARCH, "--run", "home").code == 0
    assert policies(project, "demo") == policies(project, "home")
