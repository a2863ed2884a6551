"""Several devices in one search: budgets and objectives on any of them, each measured for every candidate."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from parefront.evaluators.results.budget import Budget
from parefront.search.runs.run import Run

from .conftest import TASK, Command
from .searching import SEARCH, searched_project

CONFIG: dict[str, Any] = {
    "task": "task.py:task",
    "objectives": ["accuracy", "latency@one", "latency@basic"],
    "budget": ["latency@basic <= 20x"],
    "compress": {"quantize": {}},
    "devices": {"one": {}, "basic": {"optimisation": "enable_basic"}},
    "latency": {"min_samples": 8, "min_seconds": 0.01, "max_seconds": 0.03, "warmup_seconds": 0.005},
    "search": {"trials": 3, "sampler": "random", "seed": 3},
}


def write(project: Path, **changed: Any) -> None:
    (project / "demo" / "search.yaml").write_text(yaml.safe_dump({**CONFIG, **changed}, sort_keys=False))


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working directory with a finished run on both devices, ``demo``."""
    return searched_project(tmp_path_factory.mktemp("searched"), TASK, CONFIG)


def test_every_candidate_is_measured_on_each_and_objectives_and_budgets_name_them(
    searched: Path, run: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(searched)
    made = Run.open("demo")
    for candidate in (made.search_baseline, *(r.candidate for r in made.trials if r.candidate), *made.front):
        metrics = candidate.metrics
        assert {"latency_ms@one", "latency_ratio@one", "latency_ms@basic", "latency_ratio@basic"} <= set(metrics)
        assert metrics["latency_ms"] == metrics["latency_ms@one"]
        assert metrics["latency_ms@one"] != metrics["latency_ms@basic"]
    assert set(made.environment["devices"]) == {"one", "basic"}
    assert (made.path / "artifacts" / "anchors@basic.json").is_file()
    shown = json.loads(run("front", "demo", "--where", "latency@basic <= 20x", "--json").out)
    assert "latency_ratio@basic" in shown["candidates"][0]["metrics"]
    assert "basic x" in run("front", "demo").out


def test_a_budget_on_a_device_is_judged_by_its_own_measurement(searched: Path) -> None:
    made = Run.open("demo", searched / "runs")
    member = made.front.candidates[0]
    relative, absolute = Budget.parse("latency@basic <= 0.5x"), Budget.parse("latency@basic <= 2ms")
    assert relative.measured(member, made.baseline) == member.metrics["latency_ratio@basic"].high
    assert absolute.measured(member, made.baseline) == member.metrics["latency_ms@basic"].high


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"objectives": ["accuracy", "latency@basics"]}, "no device 'basics'; did you mean 'basic'"),
        ({"budget": ["latency@pi <= 30ms"]}, "no device 'pi'"),
        ({"devices": {}}, "devices: {NAME: {…}} names some"),
        ({"device": {"threads": 2}}, "expected either device or devices, got both"),
        ({"objectives": ["accuracy", "size@one"]}, "size does not depend on the device"),
        ({"devices": {"one": {"thread": 1}}}, "did you mean 'devices.one.threads'"),
        ({"devices": {"a b": {}}}, "devices"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(project: Path, run: Command, changed: dict[str, Any], says: str) -> None:
    write(project, **changed)
    outcome = run(*SEARCH)
    assert outcome.code == 2
    assert says in outcome.err
    assert len(outcome.err.splitlines()) == 1
    assert not (project / "runs").exists()
