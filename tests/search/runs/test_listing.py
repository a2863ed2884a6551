"""Runs in short: state, trials, best, date, size; and one that is damaged hides no other."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

from parefront.search.controller import search
from parefront.search.runs.listing import State, list_runs, summary_of
from parefront.search.runs.run import Run
from parefront.spaces.errors import ConfigError

from ...parefront.conftest import FormulaEvaluator

CONFIG = {"budget": ["latency <= 0.6x"], "search": {"sampler": "random", "trials": 8}}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a finished run, one that was stopped, one that has measured nothing, and other things."""
    folder = tmp_path_factory.mktemp("runs")
    search(Run.create("done", CONFIG, folder), FormulaEvaluator())
    Run.create("begun", CONFIG, folder)

    def stop(number: int) -> None:
        if number == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search(Run.create("half", CONFIG, folder), FormulaEvaluator(stop))
    (folder / "notes").mkdir()
    (folder / "README.md").write_text("what is in a run")
    return folder


def test_every_run_is_told_with_state_trials_and_best(root: Path) -> None:
    found = {summary.name: summary for summary in list_runs(root)}

    assert found.keys() == {"done", "half", "begun"}
    assert found["done"].state is State.FINISHED
    assert (found["done"].done, found["done"].wanted) == (8, 8)
    assert found["done"].trials == Run.open("done", root).counts
    assert found["done"].best == Run.open("done", root).front.select()
    assert (found["half"].state, found["half"].done) == (State.INTERRUPTED, 3)
    assert (found["begun"].state, found["begun"].done, found["begun"].best) == (State.INTERRUPTED, 0, None)


def test_the_size_is_that_of_all_files(root: Path) -> None:
    files = [path for path in (root / "done").rglob("*") if path.is_file()]

    assert summary_of(root / "done").size_bytes == sum(path.stat().st_size for path in files)


def test_a_run_that_is_being_searched_is_running(root: Path) -> None:
    with Run.open("half", root).lock():
        assert summary_of(root / "half").state is State.RUNNING
    assert summary_of(root / "half").state is State.INTERRUPTED


@pytest.mark.parametrize("file", ["config.yaml", "baseline.json", "trials/000001.json"])
def test_a_damaged_run_says_why_and_hides_no_other(root: Path, tmp_path: Path, file: str) -> None:
    subprocess.run(["cp", "-r", *map(str, root.iterdir()), str(tmp_path)], check=True)
    (tmp_path / "half" / file).write_text("{")

    found = {summary.name: summary for summary in list_runs(tmp_path)}

    assert found["half"].state is State.DAMAGED
    assert Path(file).name in found["half"].problem
    assert found["done"].state is State.FINISHED


def test_the_latest_comes_first(root: Path, tmp_path: Path) -> None:
    for name, year in (("old", 2001), ("young", 2003), ("middle", 2002)):
        run = Run.create(name, CONFIG, tmp_path)
        moment = datetime(year, 1, 1, 12, 30).timestamp()
        for path in (*run.path.iterdir(), run.path):
            os.utime(path, (moment, moment))

    found = list_runs(tmp_path)

    assert [summary.name for summary in found] == ["young", "middle", "old"]
    assert f"{found[0].changed:%Y-%m-%d %H:%M}" == "2003-01-01 12:30"


def test_no_folder_has_no_runs_and_a_file_is_refused(root: Path) -> None:
    assert list_runs(root / "nowhere") == []
    with pytest.raises(ConfigError, match=r"README.md: expected the folder of the runs, got a file"):
        list_runs(root / "README.md")


def test_listing_loads_neither_torch_nor_optuna(root: Path) -> None:
    program = (
        "import sys; from parefront.cli.main import main; code = main(['list', '--root', sys.argv[1], '--json']);"
        "sys.exit(code or [m for m in ('torch', 'optuna', 'onnxruntime') if m in sys.modules] or 0)"
    )
    subprocess.run([sys.executable, "-c", program, str(root)], check=True, capture_output=True)
