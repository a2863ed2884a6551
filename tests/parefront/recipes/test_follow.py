"""A recipe is followed from the command line: its stages are runs, each from what the one before left, and measured."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
import yaml

from parefront.cli import main as cli
from parefront.compressors.recovery.training import Training
from parefront.search.recovery import recover
from parefront.search.runs.run import Run
from parefront.testing.networks import plain, random_images

from ...forked import forked
from ..conftest import Command
from ..searching import labelled_by_itself

TASK = labelled_by_itself("plain", calibration=64, search=200, test=100, train=128)
CONFIG: dict[str, Any] = {
    "task": "task.py:task",
    "latency": {"min_samples": 8, "min_seconds": 0.01, "max_seconds": 0.03, "warmup_seconds": 0.005},
    "search": {"seed": 1},
    "recover": {"batch": 32, "threads": 1, "precision": "float32", "losses": {"mse": 1}},
}
RECIPE: dict[str, Any] = {
    "stages": [
        {
            "name": "prune",
            "compress": {"prune_channels": {"round_to": 4, "ratios": [0, 0.5], "compensate": "none"}},
            "every": {"prune_channels": 0.5},
        },
        {"name": "recover", "policy": "same", "recover": {"steps": 12, "rate": 0.1}},
        {"name": "int8", "compress": {"quantize": {}}, "every": {"quantize": 8}},
        {"name": "again", "policy": "same", "recover": {"steps": 2, "rate": "0.1x", "quantised": True}},
    ]
}
COMMAND = ("follow", "recipe.yaml", "search.yaml", "--run", "demo", "--json")


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working directory in which the recipe was followed."""
    folder = tmp_path_factory.mktemp("followed")
    (folder / "task.py").write_text(TASK)
    (folder / "search.yaml").write_text(yaml.safe_dump(CONFIG))
    (folder / "recipe.yaml").write_text(yaml.safe_dump(RECIPE))
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(folder)
        assert cli.main(COMMAND) == 0
    return folder


@pytest.fixture
def here(followed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(followed, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def rows_of(folder: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads((folder / "runs" / "demo" / "recipe.json").read_text())["stages"]
    return rows


def accuracy_of(artifact: Path) -> float:
    """On the search split, by plain ONNX Runtime."""
    images = random_images(200, 2)
    labels = plain()[0](images).argmax(1).numpy()
    outputs = ort.InferenceSession(str(artifact)).run(None, {"input": images.numpy()})[0]
    return float((np.asarray(outputs).argmax(1) == labels).mean())


def test_every_stage_is_measured_beside_the_original(followed: Path) -> None:
    rows = rows_of(followed)
    assert [row["stage"] for row in rows] == ["original", "prune", "recover", "int8", "again"]
    for row in rows[1:]:
        metrics = row["metrics"]
        assert metrics["accuracy"]["value"] == pytest.approx(accuracy_of(Path(row["artifact"])))
        change = metrics["accuracy"]["value"] - rows[0]["metrics"]["accuracy"]["value"]
        assert metrics["accuracy_change"]["value"] == pytest.approx(change)
        assert metrics["latency_ratio"]["low"] <= metrics["latency_ratio"]["value"] <= metrics["latency_ratio"]["high"]
        assert row["seconds"] > 0


def test_a_stage_starts_from_what_the_one_before_left(followed: Path) -> None:
    original, prune, recover, int8, again = rows_of(followed)
    macs = [row["metrics"]["macs"]["value"] for row in (original, prune, recover, int8, again)]
    assert macs[0] > macs[1] == macs[2] == macs[3] == macs[4]
    sizes = [row["metrics"]["size_bytes"]["value"] for row in (original, prune, recover, int8, again)]
    assert sizes[0] > sizes[2] > sizes[3]
    assert recover["metrics"]["accuracy"]["value"] > prune["metrics"]["accuracy"]["value"]
    baseline = Run.open(followed / "runs" / "demo" / "3-int8").search_baseline
    assert baseline.accuracy == pytest.approx(recover["metrics"]["accuracy"]["value"], abs=0.01)
    assert "trained for 12 steps" in recover["done"]
    assert int8["done"] == again["done"].partition(", trained")[0]


def test_the_same_command_again_does_nothing(here: Path, run: Command) -> None:
    kept = {path: path.stat().st_mtime_ns for path in here.glob("runs/demo/*/stage.json")}
    before = rows_of(here)
    done = run(*COMMAND)
    assert done.code == 0, done.err
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert [row["metrics"] for row in rows_of(here)] == [row["metrics"] for row in before]


def test_what_is_missing_is_done_again_to_the_same_bytes(here: Path, run: Command) -> None:
    before = rows_of(here)
    shutil.rmtree(here / "runs" / "demo" / "4-again")
    (here / "runs" / "demo" / "2-recover" / "stage.json").unlink()
    done = run(*COMMAND[:-1])
    assert done.code == 0, done.err
    assert [row["sha256"] for row in rows_of(here)] == [row["sha256"] for row in before]
    assert "the last stage's file" in done.out
    assert all(name in done.out for name in ("original", "prune", "recover", "int8", "again"))


def killed_at(done: int, steps: int) -> None:
    """The command, of which the process is killed before the step of training that follows ``done`` of ``steps``."""
    step = Training.step

    def killing(training: Training) -> float:
        if (training.done, training.steps) == (done, steps):
            os.kill(os.getpid(), signal.SIGKILL)
        return step(training)

    patch = pytest.MonkeyPatch()
    patch.setattr(recover, "CHECKPOINT_SECONDS", 0.0)
    patch.setattr(Training, "step", killing)
    cli.main(COMMAND)


def test_killed_twice_in_a_stage_it_ends_with_the_same_bytes(here: Path, run: Command) -> None:
    before = rows_of(here)
    for stage in ("2-recover", "3-int8", "4-again"):
        shutil.rmtree(here / "runs" / "demo" / stage)
    (here / "runs" / "demo" / "recipe.json").unlink()
    for done_before in (5, 9):
        assert forked(killed_at, done_before, 12, output=here / "printed") == -signal.SIGKILL
        assert list((here / "runs" / "demo" / "2-recover" / "recovered").glob("*.json"))
        assert not (here / "runs" / "demo" / "2-recover" / "stage.json").exists()
    done = run(*COMMAND)
    assert done.code == 0, done.err
    assert [row["sha256"] for row in rows_of(here)] == [row["sha256"] for row in before]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("follow", "stagd", "search.yaml"), "staged"),
        (("follow", "nobody.yaml", "search.yaml"), "nobody.yaml"),
        (("follow", "staged", "search.yaml", "--set", "device.threds=1"), "threads"),
        ((*COMMAND, "--set", "search.seed=2"), "1-prune"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(here: Path, run: Command, arguments: tuple[str, ...], said: str) -> None:
    done = run(*arguments)
    assert done.code == 2
    assert said in done.err
    assert len(done.err.strip().splitlines()) == 1


def test_nothing_starts_from_integers(here: Path, run: Command) -> None:
    stages = [*RECIPE["stages"][:3], {"name": "more", "recover": {"steps": 2}}]
    (here / "recipe.yaml").write_text(yaml.safe_dump({"stages": stages}))
    done = run(*COMMAND)
    assert done.code == 2
    assert "policy: same" in done.err
