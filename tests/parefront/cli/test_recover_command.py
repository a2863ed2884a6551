"""``parefront recover``: a run's front is trained by a command of its own, which may be given again."""

from __future__ import annotations

import io
import json
import shutil
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pytest
import yaml

from parefront.cli import main as cli
from parefront.search.runs.run import Run

from ..conftest import Command
from ..searching import labelled_by_itself, run_copied, searched_project

TASK = labelled_by_itself("residual", calibration=64, search=300, test=300, train=512)
CONFIG: dict[str, Any] = {
    "task": "task.py:task",
    "objectives": ["accuracy", "size"],
    "compress": {"prune_channels": {"round_to": 4, "ratios": [0, 0.5], "compensate": "none"}},
    "latency": {"min_samples": 8, "min_seconds": 0.01, "max_seconds": 0.03, "warmup_seconds": 0.005},
    "search": {"trials": 4, "sampler": "random", "seed": 1},
}
STEPS = ("--steps", "25", "--set", "recover.batch=32", "--set", "recover.rate=0.1")


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working directory with a finished run, ``demo``."""
    return searched_project(tmp_path_factory.mktemp("searched"), TASK, CONFIG)


@pytest.fixture
def source(searched: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    return run_copied(searched, tmp_path, monkeypatch)


@pytest.fixture(scope="module")
def said(searched: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """That directory after its front was trained, and what the command has written."""
    folder = tmp_path_factory.mktemp("trained") / "here"
    shutil.copytree(searched, folder)
    with pytest.MonkeyPatch.context() as patched, redirect_stdout(io.StringIO()) as written:
        patched.chdir(folder)
        patched.setenv("COLUMNS", "200")
        assert cli.main(("recover", "demo", *STEPS)) == 0
    return folder, written.getvalue()


@pytest.fixture
def trained(said: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A copy of that run, in the working directory."""
    return run_copied(said[0], tmp_path, monkeypatch)


def test_the_front_is_trained_and_says_so(said: tuple[Path, str], trained: Run, run: Command) -> None:
    _, out = said
    assert "trained for 25 steps" in out
    assert "of the front for 25 steps each; then the front is measured again" in out
    assert "of this round left" in out
    assert "* trained after it was compressed" in out
    assert "run demo is finished: its front was trained for 25 steps each; --steps N goes on to more" in out
    document = json.loads(run("front", "demo", "--json").out)
    assert any("trained for 25 steps" in entry["done"] for entry in document["candidates"])
    for entry in document["candidates"]:
        assert (trained.path / entry["artifact"]).is_file()
    again = run("recover", "demo", *STEPS)
    assert again.code == 0
    assert "run demo is finished: its front was already trained for 25 steps each; --steps N goes on" in " ".join(
        again.out.split()
    )
    assert "→" not in again.out


def test_what_was_trained_is_exported_with_a_word_about_it(trained: Run, run: Command) -> None:
    best = max((c for c in trained.front if c.recovered), key=lambda c: c.accuracy)
    assert run("export", "demo", "--trial", str(best.trial), "-o", "small.onnx").code == 0
    assert best.artifact is not None
    measured = best.artifact.read_bytes()
    assert Path("small.onnx").read_bytes()[: len(measured)] == measured  # what tells where it comes from is behind
    assert "trained for 25 steps" in Path("small.yaml").read_text()
    assert run("export", "demo", "--trial", str(best.trial), "-o", "small.onnx").code == 0  # over its own files


def test_a_config_may_ask_for_it_at_once(source: Run, run: Command) -> None:
    config = CONFIG | {"recover": {"steps": 25, "batch": 32, "rate": 0.1}}
    Path("demo/search.yaml").write_text(yaml.safe_dump(config))
    done = run("search", "demo/search.yaml")
    assert done.code == 0, done.err
    assert any(candidate.recovered for candidate in Run.open("demo").front)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("recover", "nobody"), "no run"),
        (("recover", "demo", "--steps", "5", "--minutes", "1"), "either minutes"),
        (("recover", "demo", "--set", "recover.losses={cross_entrpy: 1}"), "cross_entropy"),
        (("recover", "demo", "--set", "recover.repair=block_recon"), "block_reconstruction"),
        (("recover", "demo", "--steps", "0"), "recover.repair"),
        (("recover", "demo", "--where", "latency < fast"), "latency < fast"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(source: Run, run: Command, arguments: tuple[str, ...], said: str) -> None:
    done = run(*arguments)
    assert done.code == 2
    assert said in done.err
    assert len(done.err.strip().splitlines()) == 1
