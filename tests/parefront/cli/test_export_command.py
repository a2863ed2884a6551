"""``parefront export``: the form that is asked for, and one line for what cannot be."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
import torch
from torch.utils.data import TensorDataset

import parefront as pf

from ..conftest import Command

QUICK = {"min_seconds": 0.01, "min_samples": 3, "max_seconds": 0.02, "warmup_seconds": 0.01}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the run ``demo`` of a small network."""
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Conv2d(1, 8, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(288, 4))
    split = TensorDataset(torch.rand(16, 1, 8, 8), torch.arange(16) % 4)
    root = tmp_path_factory.mktemp("export")
    pf.compress(
        pf.Task(net.eval(), split, split, split),
        compress={"quantize": {"bits": [32, 4]}},
        trials=2,
        search={"sampler": "random", "racing": False, "keep_artifacts": "all"},
        latency=QUICK,
        run="demo",
        root=root,
        progress=False,
    )
    return root


def opsets(path: Path) -> dict[str, int]:
    return {o.domain: o.version for o in onnx.load(path).opset_import}


def test_the_form_is_what_was_asked_for(runs: Path, tmp_path: Path, run: Command) -> None:
    common = ("export", "demo", "--root", str(runs), "--trial", "0", "-o")
    outcome = run(*common, str(tmp_path / "plain.onnx"), "--plain")
    assert outcome.code == 0, outcome.err
    assert "checked: its outputs are those of the file that was measured" in " ".join(outcome.out.split())
    assert run(*common, str(tmp_path / "old.onnx"), "--opset", "17").code == 0
    assert run(*common, str(tmp_path / "same.onnx")).code == 0
    assert opsets(tmp_path / "plain.onnx") == {"": 21}
    assert opsets(tmp_path / "old.onnx") == {"": 17}
    assert opsets(tmp_path / "same.onnx") == {"": 21, "com.microsoft": 1}
    shown = run("show", str(tmp_path / "old.onnx"))
    assert "plain weights, opset 17" in shown.out


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["--opset", "12"], "opset: expected 13 to 23, got 12"),
        (["--format", "tosa"], "--format: expected onnx, openvino, ncnn, tflite, got tosa"),
        (["--format", "openvino", "--opset", "17"], "--opset is of ONNX files"),
        (["--format", "openvino"], "ends in .xml"),
        (["--format", "ncnn"], "ends in .param"),
        (["--format", "tflite"], "ends in .tflite"),
    ],
)
def test_what_cannot_be_is_told_and_nothing_is_written(
    given: list[str], message: str, runs: Path, tmp_path: Path, run: Command
) -> None:
    outcome = run("export", "demo", "--root", str(runs), "--trial", "0", "-o", str(tmp_path / "x.onnx"), *given)
    assert outcome.code == 2
    assert message in " ".join(outcome.err.replace("│", " ").split())
    assert not list(tmp_path.iterdir())
