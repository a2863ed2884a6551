"""``parefront list``, and ``--root`` on the commands that take a run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from parefront.config.schema import parse_config
from parefront.search.controller import search
from parefront.search.runs.run import Run

from ..conftest import Command, FormulaEvaluator

SETTINGS = {"task": "task.py:task", "budget": ["latency <= 0.6x"], "search": {"sampler": "random", "trials": 6}}


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of runs that is not ``runs``: one finished, one damaged."""
    folder = tmp_path_factory.mktemp("archive")
    for name in ("demo", "broken"):
        search(Run.create(name, parse_config(SETTINGS, "search.yaml").resolved(), folder), FormulaEvaluator())
    (folder / "broken" / "front.json").write_text("{")
    return folder


@pytest.mark.parametrize("columns", [80, 140])
def test_the_table_fits_the_terminal(
    elsewhere: Path, run: Command, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    outcome = run("list", "--root", str(elsewhere))

    assert outcome.code == 0, outcome.err
    table = outcome.out.splitlines()[:6]
    assert max(map(len, table)) <= columns
    row = next(line for line in table if "demo" in line)
    assert "finished" in row
    assert "6 of 6" in row
    assert "x, " in row
    assert "broken: " in outcome.out.splitlines()[-1]


def test_the_json_has_every_run(elsewhere: Path, run: Command) -> None:
    found = {entry["run"]: entry for entry in json.loads(run("list", "--root", str(elsewhere), "--json").out)}

    best = found["demo"]["best"]
    assert found["demo"]["state"] == "finished"
    assert best["metrics"]["latency_ratio"]["high"] <= 0.6
    assert best["trial"] == Run.open("demo", elsewhere).front.select().trial
    assert (found["broken"]["state"], found["broken"]["best"]) == ("damaged", None)
    assert "front.json" in found["broken"]["problem"]


def test_no_runs_are_said(project: Path, run: Command) -> None:
    outcome = run("list")

    assert (outcome.code, outcome.out) == (0, "there are no runs under runs; parefront search CONFIG.yaml makes one\n")
    assert json.loads(run("list", "--json").out) == []


def test_front_and_export_find_a_run_under_another_root(
    elsewhere: Path, tmp_path: Path, run: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    shown = run("front", "demo", "--json", "--root", str(elsewhere))
    exported = run("export", "demo", "-o", "small.onnx", "--root", str(elsewhere))

    assert json.loads(shown.out)["run"] == "demo"
    assert (exported.code, (tmp_path / "small.onnx").is_file()) == (0, True), exported.err
    assert run("front", "demo").code == 2


def test_a_search_writes_under_its_root_and_finds_other_runs_there(
    project: Path, formula: FormulaEvaluator, run: Command
) -> None:
    first = run("search", "demo/search.yaml", "--root", "archive")
    replay = run(
        "search", "demo/search.yaml", "--root", "archive", "--run", "again",
        "--set", "search.sampler=replay", "--set", "search.sampler_options={run: demo}",
    )  # fmt: skip

    assert (first.code, replay.code) == (0, 0), first.err + replay.err
    assert not (project / "runs").exists()
    policies = [{record.policy for record in Run.open(name, "archive").trials} for name in ("demo", "again")]
    assert policies[0] == policies[1]
