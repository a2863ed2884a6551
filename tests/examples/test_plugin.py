"""A compressor of a package of its own: installed by pip it is known to the doctor, the config and the search."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ..installed import ROOT, Environment
from .conftest import Doctor

PLUGIN = ROOT / "examples" / "plugin"

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
latency: {min_samples: 8, min_seconds: 0.01, max_seconds: 0.03, warmup_seconds: 0.005}
search: {trials: 5, sampler: uniform}
"""


def test_it_is_short() -> None:
    assert len((PLUGIN / "parefront_half.py").read_text().splitlines()) < 60


def test_the_doctor_lists_it(doctor: Doctor) -> None:
    assert "half" in doctor.table


def test_a_search_uses_it(installed: Environment, tmp_path: Path) -> None:
    (tmp_path / "task.py").write_text(TASK)
    (tmp_path / "config.yaml").write_text(CONFIG)
    installed.parefront("search", "config.yaml", "--run", "mine", cwd=tmp_path)
    front = json.loads(installed.parefront("front", "mine", "--json", cwd=tmp_path))
    trials = [json.loads(file.read_text()) for file in (tmp_path / "runs" / "mine" / "trials").glob("*.json")]
    halved = [t for t in trials if t["policy"] == {"half": {"0": 16}}]
    assert len(halved) == 1
    before = front["baseline"]["size_bytes"]["value"]
    assert before - halved[0]["metrics"]["size_bytes"]["value"] == pytest.approx(16 * 9 * 2, abs=200)
