"""``parefront recover``: a run's front is trained by a command of its own, which may be given again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from parefront.cli import main as cli
from parefront.search.runs.run import Run

from ..conftest import Command

TASK = """
import torch
from torch.utils.data import TensorDataset
import parefront as pf
from parefront.testing.networks import random_images, residual

def task():
    net, _ = residual()
    def split(count, seed):
        images = random_images(count, seed)
        with torch.no_grad():
            return TensorDataset(images, net(images).argmax(1))
    return pf.Task(model=net, calibration=split(64, 1), search=split(300, 2), test=split(300, 3), train=split(512, 4))
"""
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
    folder = tmp_path_factory.mktemp("searched")
    (folder / "demo").mkdir()
    (folder / "demo" / "task.py").write_text(TASK)
    (folder / "demo" / "search.yaml").write_text(yaml.safe_dump(CONFIG))
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(folder)
        assert cli.main(("search", "demo/search.yaml")) == 0
    return folder


@pytest.fixture
def source(searched: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    shutil.copytree(searched, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return Run.open("demo")


def test_the_front_is_trained_and_says_so(source: Run, run: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    done = run("recover", "demo", *STEPS)
    assert done.code == 0, done.err
    assert "trained for 25 steps" in done.out
    assert "* trained after it was compressed" in done.out
    document = json.loads(run("front", "demo", "--json").out)
    assert any("trained for 25 steps" in entry["done"] for entry in document["candidates"])
    for entry in document["candidates"]:
        assert (source.path / entry["artifact"]).is_file()
    again = run("recover", "demo", *STEPS)
    assert again.code == 0
    assert "is finished" in again.out
    assert "→" not in again.out


def test_what_was_trained_is_exported_with_a_word_about_it(source: Run, run: Command) -> None:
    assert run("recover", "demo", *STEPS).code == 0
    best = max((c for c in Run.open("demo").front if c.recovered), key=lambda c: c.accuracy)
    assert run("export", "demo", "--trial", str(best.trial), "-o", "small.onnx").code == 0
    assert best.artifact is not None
    assert Path("small.onnx").read_bytes() == best.artifact.read_bytes()
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
        (("recover", "demo", "--where", "latency < fast"), "latency < fast"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(source: Run, run: Command, arguments: tuple[str, ...], said: str) -> None:
    done = run(*arguments)
    assert done.code == 2
    assert said in done.err
    assert len(done.err.strip().splitlines()) == 1
