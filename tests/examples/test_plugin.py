"""A compressor of a package of its own: installed by pip it is known to the doctor, the config and the search."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PLUGIN = Path(__file__).resolve().parents[2] / "examples" / "plugin"

TASK = """
import torch
from torch import nn
from torch.utils.data import TensorDataset
import parefront as pf

def task():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 16, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 4)).eval()
    images = torch.rand(16, 1, 8, 8)
    data = TensorDataset(images, net(images).argmax(1))
    return pf.Task(model=net, calibration=data, search=data, test=data)
"""
CONFIG = """
task: task.py:task
objectives: [accuracy, size]
compress: {half: {}, quantize: {}}
search: {trials: 5, sampler: uniform}
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that pip put the plugin into."""
    if importlib.util.find_spec("pip") is None:
        pytest.skip("needs pip")
    folder = tmp_path_factory.mktemp("plugin")
    shutil.copytree(PLUGIN, folder / "source")
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--quiet", "--target", str(folder / "site")]
    subprocess.run([sys.executable, "-m", "pip", "install", *options, str(folder / "source")], check=True)
    return folder / "site"


def parefront(installed: Path, folder: Path, *arguments: str) -> str:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(installed), *filter(None, sys.path)])}
    command = [sys.executable, "-m", "parefront", *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_it_is_short() -> None:
    assert len((PLUGIN / "parefront_half.py").read_text().splitlines()) < 60


def test_the_doctor_lists_it(installed: Path, tmp_path: Path) -> None:
    assert "half" in parefront(installed, tmp_path, "doctor")


def test_a_search_uses_it(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "task.py").write_text(TASK)
    (tmp_path / "config.yaml").write_text(CONFIG)
    parefront(installed, tmp_path, "search", "config.yaml", "--run", "mine")
    front = json.loads(parefront(installed, tmp_path, "front", "mine", "--json"))
    trials = [json.loads(file.read_text()) for file in (tmp_path / "runs" / "mine" / "trials").glob("*.json")]
    halved = [t for t in trials if t["policy"] == {"half": {"0": 16}}]
    assert len(halved) == 1
    before = front["baseline"]["size_bytes"]["value"]
    assert before - halved[0]["metrics"]["size_bytes"]["value"] == pytest.approx(16 * 9 * 2, abs=200)
