"""What a run's folder tells of its layers, and of those that its config keeps as they are."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from parefront.search.runs.run_layers import layers_of, left_out_of, run_folder_of

NAMES = ["stem", "layer1.0.conv", "head.0"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    compress = {"quantize": {"exclude": ["head.*"]}, "prune_channels": {"exclude": []}, "merge": {}}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump({"task": "task.py:task", "compress": compress}))
    (tmp_path / "graph.json").write_text(json.dumps({"layers": [{"name": name} for name in NAMES]}))
    return tmp_path


def test_layers_are_left_out_by_the_method_that_excludes_them(folder: Path) -> None:
    assert layers_of(folder) == NAMES
    assert left_out_of(folder) == {"quantize": {"head.0"}}


def test_an_artefact_tells_its_run_and_any_other_file_none(folder: Path, tmp_path: Path) -> None:
    assert run_folder_of(folder / "artifacts" / "baseline.onnx") == folder.resolve()
    assert run_folder_of(folder / "baseline.onnx") is None
    assert run_folder_of(tmp_path / "else" / "artifacts" / "baseline.onnx") is None


def test_a_run_without_a_graph_tells_no_layers(tmp_path: Path) -> None:
    assert layers_of(tmp_path) == []
