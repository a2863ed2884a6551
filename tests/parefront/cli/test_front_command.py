"""``parefront front`` and ``export``: the JSON that scripts rely on, selections, and files taken out of a run."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from parefront.config.schema import parse_config
from parefront.search.controller import search
from parefront.search.runs.run import Run

from ..conftest import Command, FormulaEvaluator

MEASUREMENT = {"value", "low", "high", "n", "unit"}


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose run ``demo`` is finished."""
    folder = tmp_path_factory.mktemp("searched")
    settings = {"task": "task.py:task", "budget": ["latency <= 0.6x"], "search": {"sampler": "random", "trials": 12}}
    search(Run.create("demo", parse_config(settings, "search.yaml").resolved(), folder / "runs"), FormulaEvaluator())
    return folder


@pytest.fixture
def finished(searched: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, a copy of that folder."""
    shutil.copytree(searched, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def measured_in(exported: Path, artifact: Path) -> bool:
    """Whether a file begins with the bytes that were measured; where they come from stands behind them."""
    return exported.read_bytes().startswith(artifact.read_bytes())


def front_of(run: Command, *arguments: str) -> dict[str, Any]:
    outcome = run("front", "demo", "--json", *arguments)
    assert (outcome.code, outcome.err) == (0, "")
    document: dict[str, Any] = json.loads(outcome.out)
    return document


def test_what_writes_nothing_says_where_the_files_are(finished: Path, run: Command) -> None:
    shown = run("front", "demo").out
    assert "files: runs/demo/front.json, front.csv, artifacts/" in shown
    assert "written" not in shown


def test_the_json_is_what_scripts_rely_on(finished: Path, run: Command) -> None:
    document = front_of(run)

    assert list(document) == [
        *("run", "date", "trials", "seconds", "device", "task"),
        *("objectives", "budget", "metric", "baseline", "candidates", "picks", "best", "landmarks"),
    ]
    assert document["device"].keys() == {"name", "cpu", "runtime", "precision", "threads", "batch"}
    assert (document["objectives"], document["budget"]) == (["accuracy", "latency"], ["latency <= 0.6x"])
    assert document["run"] == "demo"
    assert document["trials"] == {"complete": 12, "infeasible": 0, "failed": 0}
    assert document["seconds"] >= 0
    assert {"accuracy", "latency_ms", "size_bytes", "macs", "params"} <= document["baseline"].keys()
    assert document["candidates"]
    for entry in document["candidates"]:
        assert list(entry) == ["trial", "digest", "artifact", "policy", "done", "metrics"]
        assert (finished / "runs" / "demo" / entry["artifact"]).is_file()
        assert entry["artifact"] == f"artifacts/{entry['digest']}.onnx"
        wanted = {"accuracy", "test_accuracy", "latency_ms", "latency_ratio", "size_bytes", "macs", "params"}
        assert wanted <= entry["metrics"].keys()
        assert all(metric.keys() >= MEASUREMENT for metric in entry["metrics"].values())


def test_the_json_equals_the_file_in_the_run(finished: Path, run: Command) -> None:
    assert front_of(run) == json.loads((finished / "runs" / "demo" / "front.json").read_text())


def test_where_keeps_those_within_every_budget(finished: Path, run: Command) -> None:
    everyone = front_of(run)["candidates"]
    document = front_of(run, "--where", "latency <= 0.6x", "--where", "accuracy >= 0.9")
    some = document["candidates"]

    assert 0 < len(some) < len(everyone)
    assert {pick["trial"] for pick in document["picks"]} <= {entry["trial"] for entry in some}
    assert all(entry["metrics"]["latency_ratio"]["high"] <= 0.6 for entry in some)
    assert all(entry in everyone for entry in some)


def test_where_that_nobody_meets_is_exit_code_4_with_the_nearest(finished: Path, run: Command) -> None:
    outcome = run("front", "demo", "--where", "latency <= 0.01x", "--json")

    assert outcome.code == 4
    assert outcome.out == ""
    assert "latency <= 0.01x is met by none" in outcome.err.splitlines()[0]
    assert len(outcome.err.splitlines()) == 4


def test_where_that_does_not_parse_is_exit_code_2(finished: Path, run: Command) -> None:
    outcome = run("front", "demo", "--where", "speed")

    assert outcome.code == 2
    assert outcome.err.startswith("error: budget 'speed' does not parse")


def test_a_run_is_named_by_its_path_too(finished: Path, run: Command) -> None:
    assert run("front", "runs/demo", "--json").out == run("front", "demo", "--json").out


def test_the_table_shows_every_member(finished: Path, run: Command) -> None:
    out = run("front", "demo").out

    for entry in front_of(run)["candidates"]:
        assert f"{entry['metrics']['latency_ratio']['value']:.3f}" in out


def test_export_writes_the_best_within_the_runs_budget(finished: Path, run: Command) -> None:
    outcome = run("export", "demo", "-o", "small.onnx")

    assert outcome.code == 0, outcome.err
    fitting = [c for c in front_of(run)["candidates"] if c["metrics"]["latency_ratio"]["high"] <= 0.6]
    best = max(fitting, key=lambda c: c["metrics"]["accuracy"]["value"])
    assert measured_in(finished / "small.onnx", finished / "runs" / "demo" / best["artifact"])
    assert yaml.safe_load((finished / "small.yaml").read_text()) == best["policy"]


@pytest.mark.parametrize(
    "where", [("accuracy >= -2.0pt",), ("accuracy >= -2.0pt", "size <= 0.9x"), ("latency <= 0.8x",)]
)
def test_the_next_command_gives_exactly_what_is_named_as_best(
    finished: Path, run: Command, where: tuple[str, ...]
) -> None:
    options = [word for budget in where for word in ("--where", budget)]
    out = run("front", "demo", *options).out
    best = re.search(r"best within .*?: (trial \d+):", " ".join(out.split()))
    command = out[out.index("next: parefront ") + len("next: parefront ") :].splitlines()[0]

    exported = run(*shlex.split(command))

    assert best is not None
    assert exported.code == 0, exported.err
    assert exported.out.startswith(f"{best[1]}: ")


def test_export_within_an_accuracy_gives_the_fastest(finished: Path, run: Command) -> None:
    run("export", "demo", "--where", "accuracy >= -2.0pt", "-o", "small.onnx")

    fitting = [c for c in front_of(run)["candidates"] if c["metrics"]["accuracy_change"]["value"] >= -0.02]
    fastest = min(fitting, key=lambda c: c["metrics"]["latency_ratio"]["value"])
    assert measured_in(finished / "small.onnx", finished / "runs" / "demo" / fastest["artifact"])


def test_export_takes_a_trial_or_another_metric(finished: Path, run: Command) -> None:
    candidates = front_of(run)["candidates"]
    fastest = min(candidates, key=lambda c: c["metrics"]["latency_ratio"]["value"])

    run("export", "demo", "--by", "latency", "-o", "fast.onnx")
    run("export", "demo", "--trial", str(fastest["trial"]), "-o", "same.onnx")

    assert measured_in(finished / "fast.onnx", finished / "runs" / "demo" / fastest["artifact"])
    assert (finished / "fast.onnx").read_bytes() == (finished / "same.onnx").read_bytes()


def test_export_under_the_name_of_another_format_is_refused(finished: Path, run: Command) -> None:
    outcome = run("export", "demo", "-o", "small.pt")

    assert outcome.code == 2
    assert "expected a file name that ends in .onnx (an ONNX model)" in outcome.err
    assert len(outcome.err.splitlines()) == 1
    assert not (finished / "small.pt").exists()


def test_export_of_a_trial_that_is_not_there_names_those_that_are(finished: Path, run: Command) -> None:
    outcome = run("export", "demo", "--trial", "999", "-o", "x.onnx")

    assert outcome.code == 2
    assert "run demo has no candidate of trial 999; on its front: " in outcome.err
    assert not (finished / "x.onnx").exists()


def test_a_mistyped_run_is_told_the_nearest(finished: Path, run: Command) -> None:
    outcome = run("front", "dmo")

    assert outcome.code == 2
    assert "did you mean 'demo'?" in outcome.err
