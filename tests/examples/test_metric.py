"""A metric of a package of its own: installed by pip it is known to the doctor, the task, the config and the search."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
import torch

from ..installed import ROOT, Environment
from .conftest import Doctor

PLUGIN = ROOT / "examples" / "metric"

TASK = """
import torch
from torch import nn
from torch.utils.data import TensorDataset
import parefront as pf

def split(seed):
    images = torch.rand(48, 1, 8, 8, generator=torch.Generator().manual_seed(seed))
    return TensorDataset(images, images)

def task():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 1, 3, padding=1)).eval()
    with torch.no_grad():
        for layer in (net[0], net[2]):
            layer.weight *= 0.05
            layer.bias *= 0
        net[0].weight[0, 0, 1, 1] = 1
        net[2].weight[0, 0, 1, 1] = 1
    return pf.Task(model=net, calibration=split(1), search=split(2), test=split(3), metric="psnr")
"""
CONFIG = """
task: task.py:task
objectives: [psnr, size]
budget: ["psnr >= -200pt"]
compress: {prune_channels: {round_to: 4}, quantize: {}}
latency: {min_samples: 8, min_seconds: 0.01, max_seconds: 0.03, warmup_seconds: 0.005}
search: {trials: 6, sampler: random}
"""


@pytest.fixture(scope="module")
def searched(installed: Environment, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which a search has been made."""
    folder = tmp_path_factory.mktemp("psnr")
    (folder / "task.py").write_text(TASK)
    (folder / "config.yaml").write_text(CONFIG)
    installed.parefront("search", "config.yaml", "--run", "mine", cwd=folder)
    return folder


def test_it_is_short() -> None:
    assert len((PLUGIN / "parefront_psnr.py").read_text().splitlines()) <= 50


def test_the_doctor_lists_it(doctor: Doctor) -> None:
    assert "psnr" in json.loads(doctor.report)["metrics"]
    assert "psnr" in doctor.table


def test_a_search_is_judged_by_it_in_its_direction_and_unit(installed: Environment, searched: Path) -> None:
    front = json.loads(installed.parefront("front", "mine", "--json", cwd=searched))
    assert front["metric"] == {"name": "psnr", "higher_is_better": True, "unit": "dB", "point": 0.1}
    found = [candidate["metrics"]["psnr"]["value"] for candidate in front["candidates"]]
    assert found == sorted(found, reverse=True)
    images = torch.rand(48, 1, 8, 8, generator=torch.Generator().manual_seed(2)).numpy()
    for candidate in front["candidates"]:
        session = ort.InferenceSession(searched / "runs" / "mine" / candidate["artifact"])
        errors = ((session.run(None, {"input": images})[0] - images) ** 2).mean((1, 2, 3))
        assert candidate["metrics"]["psnr"]["value"] == pytest.approx(float(-10 * np.log10(errors).mean()), abs=0.01)
        assert candidate["metrics"]["psnr"]["unit"] == "dB"


def test_its_points_and_its_name_are_understood_everywhere(installed: Environment, searched: Path) -> None:
    exported = installed.parefront(
        "export", "mine", "--where", "psnr >= -200pt", "--by", "psnr", "-o", "x.onnx", cwd=searched
    )
    assert "psnr" in exported
    assert (searched / "x.onnx").is_file()
    table = installed.parefront("front", "mine", cwd=searched)
    assert "psnr" in table
    assert "accuracy" not in table
