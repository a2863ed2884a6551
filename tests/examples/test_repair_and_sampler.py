"""A repair and a sampler of packages of their own: installed by pip they are known, and a search uses both."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
import torch
from torch import nn

from parefront.compressors import Repair
from parefront.search import SamplerFactory
from parefront.testing import RepairConformance, SamplerConformance

from ..installed import ROOT, Environment
from .conftest import Doctor

FILES = {"mean_shift": ROOT / "examples" / "repair" / "parefront_mean_shift.py",
         "hill": ROOT / "examples" / "sampler" / "parefront_hill.py"}  # fmt: skip

TASK = """
import torch
from torch import nn
from torch.utils.data import TensorDataset
import parefront as pf

def task():
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(1, 16, 3), nn.ReLU(), nn.Conv2d(16, 16, 3), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 4),
    ).eval()
    images = torch.rand(48, 1, 8, 8)
    data = TensorDataset(images, net(images).argmax(1))
    return pf.Task(model=net, calibration=data, search=data, test=data)
"""
CONFIG = """
task: task.py:task
objectives: [accuracy, size]
compress: {prune_channels: {compensate: mean_shift, round_to: 4}}
latency: {min_samples: 8, min_seconds: 0.01, max_seconds: 0.03, warmup_seconds: 0.005}
search: {trials: 6, sampler: hill}
"""


def module_of(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(FILES[name].stem, FILES[name])
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = made
    spec.loader.exec_module(made)
    return made


class TestMeanShift(RepairConformance):
    @pytest.fixture
    def repair(self) -> Repair:
        repair: Repair = module_of("mean_shift").MeanShift()
        return repair


class TestHillClimber(SamplerConformance):
    @pytest.fixture
    def sampler(self) -> SamplerFactory:
        sampler: SamplerFactory = module_of("hill").HillClimber
        return sampler


@pytest.mark.parametrize("name", FILES)
def test_they_are_short(name: str) -> None:
    assert len(FILES[name].read_text().splitlines()) <= 50


def test_the_doctor_lists_them(doctor: Doctor) -> None:
    report = json.loads(doctor.report)
    assert "mean_shift" in report["repairs"]
    assert "hill" in report["samplers"]
    assert "mean_shift" in doctor.table
    assert "hill" in doctor.table


def test_what_is_not_installed_is_refused_with_those_that_are(installed: Environment, tmp_path: Path) -> None:
    (tmp_path / "task.py").write_text(TASK)
    (tmp_path / "config.yaml").write_text(CONFIG.replace("mean_shift", "mean_shaft"))
    done = installed.run("parefront", "search", "config.yaml", cwd=tmp_path)
    assert done.returncode == 2
    assert (
        "expected block_reconstruction, least_squares, covariance, batch_norm, none, mean_shift, got 'mean_shaft'"
        in done.stderr
    )
    assert not (tmp_path / "runs").exists()


def test_a_search_uses_both(installed: Environment, tmp_path: Path) -> None:
    (tmp_path / "task.py").write_text(TASK)
    (tmp_path / "config.yaml").write_text(CONFIG)
    installed.parefront("search", "config.yaml", "--run", "mine", cwd=tmp_path)

    run = tmp_path / "runs" / "mine"
    trials = [json.loads(file.read_text()) for file in sorted((run / "trials").glob("*.json"))]
    policies = [trial["policy"].get("prune_channels", {}) for trial in trials]
    assert len(policies) == 6
    for number, policy in enumerate(policies):
        changed = [sum(policy.get(k) != o.get(k) for k in {*policy, *o}) for o in [{}, *policies[:number]]]
        assert 1 in changed, "one knob away from what was there before"

    pruned = next(trial for trial in trials if trial["policy"])
    with torch.no_grad():
        wanted = network()(images()).mean(0).numpy()
    session = ort.InferenceSession(next(run.rglob(f"{pruned['digest']}.onnx")))
    given = session.run(None, {"input": images().numpy()})[0]
    np.testing.assert_allclose(given.mean(0), wanted, atol=1e-4)
    assert given.std() > 0


def network() -> nn.Module:
    """The task's, made again."""
    scope: dict[str, Any] = {}
    exec(TASK, scope)
    model: nn.Module = scope["task"]().model
    return model


def images() -> torch.Tensor:
    """Those that means are kept on."""
    scope: dict[str, Any] = {}
    exec(TASK, scope)
    return torch.stack([image for image, _ in scope["task"]().calibration])
