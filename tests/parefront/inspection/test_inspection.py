"""``pf.profile``, ``pf.measure`` and ``pf.explain``: what the commands print, as values that show themselves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import parefront as pf
from parefront.evaluators.device.latency import LatencyProtocol
from parefront.inspection import measuring

from ..cli.test_machine_commands import conv_net
from ..conftest import Command, FormulaEvaluator


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "PROTOCOL", LatencyProtocol(min_samples=16, min_seconds=0.05, max_seconds=0.3))
    monkeypatch.setattr(measuring, "MEMORY_REPEATS", 1)


def test_a_profile_is_what_the_command_tells(
    project: Path, formula: FormulaEvaluator, small_task: pf.Task, run: Command
) -> None:
    profile = pf.profile(small_task, compress={"quantize": {}}, progress=False)

    assert profile.to_json() == json.loads(run("profile", "demo/search.yaml", "--json").out)
    assert len(profile.graph.layers) == 3
    assert [exclusion.name for exclusion in profile.excluded] == ["head"]
    assert not (project / "runs").exists()


@pytest.mark.parametrize("columns", [80, 140])
def test_a_profile_shows_itself(
    formula: FormulaEvaluator, small_task: pf.Task, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    shown = repr(pf.profile(small_task, progress=False))

    assert shown.startswith("3 layers, 6.91k parameters, 442k MACs")
    assert "6 knobs, 216 policies" in shown
    assert max(map(len, shown.splitlines())) <= columns


def test_a_profile_refuses_settings_that_cannot_be(small_task: pf.Task) -> None:
    with pytest.raises(pf.ConfigError, match=r"parefront\.profile: compress: unknown compressor 'quantise'"):
        pf.profile(small_task, compress={"quantise": {}}, progress=False)


def test_a_measurement_is_a_value(tmp_path: Path) -> None:
    small, large = conv_net(tmp_path / "s.onnx", 8), conv_net(tmp_path / "l.onnx", 96)
    report = pf.measure(small, large, device={"threads": 1}, batch=2)
    told = report.to_json()

    assert report.ratio.high < 1.0
    assert report.throughput == pytest.approx(2000 / report.latency_ms.value)
    assert (report.device, report.threads) == ("this machine", 1)
    assert told["ratio"] == report.ratio.to_json()
    assert told["memory_bytes"] == report.memory.to_json()
    shown = repr(report)
    for words in ("s.onnx", "against l.onnx", "ratio", "inputs/s at batch 2", "this machine: "):
        assert words in shown


def test_an_explanation_is_a_value(tmp_path: Path) -> None:
    odd, even = conv_net(tmp_path / "odd.onnx", 17), conv_net(tmp_path / "even.onnx", 64)
    report = pf.explain(odd, str(even))

    assert report.explanation.latency.ratio.value > 0
    assert report.to_json()["model"] == str(odd)
    assert " ms against " in repr(report)
    assert json.dumps(report.to_json())


def test_what_cannot_be_measured_is_refused(tmp_path: Path) -> None:
    model = conv_net(tmp_path / "net.onnx", 8)
    with pytest.raises(pf.ConfigError, match="there is no file"):
        pf.measure(tmp_path / "none.onnx")
    with pytest.raises(pf.ConfigError, match=r"device: unknown key 'thread'; did you mean 'threads'\?"):
        pf.measure(model, device={"thread": 2})
    with pytest.raises(pf.ConfigError, match="batch: expected 1 or more, got 0"):
        pf.measure(model, batch=0)


def test_what_reads_onnx_files_alone_says_what_reads_litert_s(tmp_path: Path) -> None:
    (tmp_path / "x.tflite").write_bytes(b"\x1c\x00\x00\x00TFL3" + bytes(100))
    with pytest.raises(pf.ConfigError, match=r"x\.tflite is in LiteRT's format, which `measure` and `show` read"):
        pf.explain(tmp_path / "x.tflite", conv_net(tmp_path / "net.onnx", 8))
