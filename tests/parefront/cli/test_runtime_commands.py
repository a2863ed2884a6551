"""The runtime as the user names it: in a search, in ``measure``, ``retarget``, ``explain`` and ``doctor``."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import yaml
from onnx import TensorProto, helper

from parefront.config.models import DeviceConfig
from parefront.config.schema import parse_device
from parefront.evaluators.device.device import Device
from parefront.evaluators.device.latency import LatencyProtocol
from parefront.evaluators.restore.plain import plain
from parefront.evaluators.runtimes.litert_runtime import LiteRt
from parefront.evaluators.storage.provenance import made_for, runtime_of_file
from parefront.inspection import measuring
from parefront.search.runs.run import Run
from parefront.spaces.errors import ConfigError
from parefront.spaces.policy import Policy
from parefront.spaces.runtime_knob import runtime_in, without_runtime

from ..conftest import TASK, Command
from ..searching import searched_project

CONFIG: dict[str, Any] = {
    "task": "task.py:task",
    "compress": {"quantize": {}},
    "latency": {"min_samples": 8, "min_seconds": 0.01, "max_seconds": 0.03, "warmup_seconds": 0.005},
    "search": {"trials": 2, "sampler": "random", "racing": False},
}


@pytest.fixture
def small(project: Path) -> Path:
    """A folder of a user with a search of two trials."""
    (project / "demo").mkdir(exist_ok=True)
    (project / "demo" / "task.py").write_text(TASK)
    (project / "demo" / "search.yaml").write_text(yaml.safe_dump(CONFIG))
    return project


def test_the_usual_runtime_is_not_written_down() -> None:
    """So that a run of a version before there were others is gone on with."""
    assert "runtime" not in DeviceConfig().model_dump(mode="json")
    other = parse_device({"runtime": "openvino", "precision": "f32"}, "device")
    assert other.model_dump(mode="json")["runtime"] == "openvino"
    assert parse_device(other.model_dump(), "device") == other


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("runtime=openvina", "unknown runtime 'openvina'; did you mean 'openvino'?"),
        ("precision=bf16", "precision: expected one of auto with runtime onnxruntime, got 'bf16'"),
    ],
)
def test_a_runtime_or_precision_that_cannot_be_is_one_line(small: Path, run: Command, given: str, says: str) -> None:
    outcome = run("search", "demo/search.yaml", "--set", f"device.{given}")
    assert outcome.code == 2
    assert says in outcome.err
    assert len(outcome.err.splitlines()) == 1


def test_doctor_lists_runtimes_or_how_to_get_them(run: Command) -> None:
    listed = {entry["name"]: entry for entry in json.loads(run("doctor", "--json").out)["runtimes"]}
    assert listed["onnxruntime"]["version"]
    assert listed["openvino"]["version"] or "parefront[openvino]" in listed["openvino"]["install"]
    assert "runtime onnxruntime" in run("doctor").out


def test_doctor_says_how_to_get_a_runtime_that_is_not_there(run: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    from parefront.evaluators.runtimes.openvino_runtime import OpenVino

    monkeypatch.setattr(OpenVino, "version", lambda self: None)
    (openvino,) = [e for e in json.loads(run("doctor", "--json").out)["runtimes"] if e["name"] == "openvino"]
    assert openvino == {"name": "openvino", "version": None, "install": "pip install 'parefront[openvino]'"}


def test_only_onnxruntime_is_explained(small: Path, run: Command, tmp_path: Path) -> None:
    path = packed(tmp_path / "packed.onnx")
    outcome = run("explain", str(path), "--against", str(path), "--device", "runtime=openvino")
    assert outcome.code == 2
    assert "what is explained are profiles of onnxruntime, got openvino" in outcome.err


def packed(path: Path) -> Path:
    """A linear layer whose weights are 4-bit integers behind a ``Cast``."""
    weight = helper.make_tensor("w", TensorProto.INT4, [8, 4], np.arange(-16, 16).clip(-8, 7).tolist())
    graph = helper.make_graph(
        [
            helper.make_node("Cast", ["w"], ["wide"], to=TensorProto.INT8),
            helper.make_node("DequantizeLinear", ["wide", "scale"], ["held"]),
            helper.make_node("MatMul", ["input", "held"], ["output"]),
        ],
        "packed",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["batch", 8])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["batch", 4])],
        [weight, helper.make_tensor("scale", TensorProto.FLOAT, [], [0.5])],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), path)
    return path


class TestOpenVino:
    @pytest.fixture(autouse=True)
    def installed(self) -> None:
        pytest.importorskip("openvino", reason="the extra `openvino` is not installed")

    def test_a_search_is_measured_and_scored_in_it(self, small: Path, run: Command) -> None:
        outcome = run("search", "demo/search.yaml", "--set", "device.runtime=openvino", "--set", "device.precision=f32")
        assert outcome.code == 0, outcome.err
        assert "openvino 20" in outcome.out
        assert " in f32, 1 thread" in outcome.out
        device = json.loads(run("front", "demo", "--json").out)["device"]
        assert device["runtime"]["name"] == "openvino"
        assert device["precision"] == "f32"
        assert device["scored"]["precision"] == "f32"
        assert device["scored"]["on"] == "this machine"
        refused = run("search", "demo/search.yaml")
        assert refused.code == 2
        assert "device.precision: 'f32' there" in refused.err

    def test_a_run_is_scored_anew_where_it_is_retargeted_to_another_runtime(self, small: Path, run: Command) -> None:
        assert run("search", "demo/search.yaml").code == 0
        outcome = run("retarget", "demo", "--device", "runtime=openvino", "--device", "precision=f32")
        assert outcome.code == 0, outcome.err
        there = Run.open("demo-on-runtime-openvino-precision-f32")
        assert there.environment["scored"]["runtime"] == "openvino"
        assert "built_for" not in there.environment
        assert {record.policy.digest for record in there.trials} == {r.policy.digest for r in Run.open("demo").trials}
        assert all("test_accuracy" in member.metrics for member in there.front)

    def test_a_file_is_measured_though_its_weights_are_packed(
        self, run: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(measuring, "PROTOCOL", LatencyProtocol(min_samples=16, min_seconds=0.05, max_seconds=0.3))
        monkeypatch.setattr(measuring, "MEMORY_REPEATS", 1)
        outcome = run("measure", str(packed(tmp_path / "packed.onnx")), "--runtime", "openvino", "--json")
        assert outcome.code == 0, outcome.err
        device = json.loads(outcome.out)["device"]
        assert device["runtime"] == "openvino"
        assert device["precision"] in ("f32", "bf16")


class TestLiteRt:
    @pytest.fixture(autouse=True)
    def installed(self) -> None:
        pytest.importorskip("ai_edge_litert", reason="the extra `litert` is not installed")

    def test_a_search_has_it_beside_onnxruntime_and_its_members_leave_in_its_format(
        self, small: Path, run: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        outcome = run("search", "demo/search.yaml", "--set", "device.runtime=[onnxruntime, litert]")
        assert outcome.code == 0, outcome.err
        assert "uncompressed in litert: " in run("front", "demo").out
        there = next(r for r in Run.open("demo").trials if r.candidate is not None and runtime_in(r.policy) == "litert")
        words = ("--trial", str(there.number), "-o", str(tmp_path / "small.tflite"), "--format", "tflite")
        assert run("export", "demo", *words).code == 0
        shown = run("show", str(tmp_path / "small.tflite"))
        assert shown.code == 0, shown.err
        assert "LiteRT schema 3" in shown.out
        assert "FULLY_CONNECTED" in shown.out

    def test_a_file_is_measured_in_it(self, run: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(measuring, "PROTOCOL", LatencyProtocol(min_samples=16, min_seconds=0.05, max_seconds=0.3))
        monkeypatch.setattr(measuring, "MEMORY_REPEATS", 1)
        outcome = run("measure", str(packed(tmp_path / "packed.onnx")), "--runtime", "litert", "--json")
        assert outcome.code == 0, outcome.err
        assert json.loads(outcome.out)["device"]["runtime"] == "litert"

    def test_a_file_of_its_own_format_is_measured_in_it_beside_one_of_another_runtime(
        self, run: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(measuring, "PROTOCOL", LatencyProtocol(min_samples=16, min_seconds=0.05, max_seconds=0.3))
        monkeypatch.setattr(measuring, "MEMORY_REPEATS", 1)
        other, own = linear(tmp_path / "x.onnx"), tmp_path / "x.tflite"
        own.write_bytes(LiteRt().translated(other.read_bytes()))
        alone = run("measure", str(own), "--json")
        assert alone.code == 0, alone.err
        assert json.loads(alone.out)["device"]["runtime"] == "litert"
        beside = run("measure", str(own), "--against", str(other))
        assert beside.code == 0, beside.err
        assert "onnxruntime" in beside.out
        assert "litert" in beside.out
        refused = run("measure", str(own), "--runtime", "onnxruntime")
        assert refused.code == 2
        assert "x.tflite is in LiteRT's format, which onnxruntime does not load" in refused.err
        own.write_bytes(own.read_bytes()[:200])
        damaged = run("measure", str(own))
        assert damaged.code == 2
        assert "rejects the model" in damaged.err


def linear(path: Path, runs_in: str = "") -> Path:
    """The same layer with plain weights, in a file that says what it is for."""
    content = plain(packed(path).read_bytes())
    path.write_bytes(made_for(content, runs_in) if runs_in else content)
    return path


@pytest.mark.parametrize(
    ("runs_in", "settings", "says"),
    [
        ("tvm", (), "x.onnx says that it is for 'tvm': unknown runtime 'tvm'"),
        ("openvino:bf99", (), "x.onnx says that it is for 'openvino:bf99': precision: expected one of auto, f32, bf16"),
        (":", (), "x.onnx says that it is for ':': unknown runtime ''"),
        (
            "ncnn",
            ("--device", "runtime=[onnxruntime, openvino]"),
            "x.onnx says that it is for ncnn, which is not among the device's onnxruntime, openvino; name it with them",
        ),
    ],
)
def test_a_file_for_a_runtime_that_is_not_there_is_one_line(
    run: Command, tmp_path: Path, runs_in: str, settings: tuple[str, ...], says: str
) -> None:
    other = str(linear(tmp_path / "other.onnx"))
    outcome = run("measure", str(linear(tmp_path / "x.onnx", runs_in)), "--against", other, *settings)
    assert outcome.code == 2
    assert says in outcome.err
    assert len(outcome.err.splitlines()) == 1


def test_a_file_for_another_runtime_is_explained_only_where_that_is_asked_for(
    run: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measuring, "PROTOCOL", LatencyProtocol(min_samples=8, min_seconds=0.01, max_seconds=0.1))
    there, base = linear(tmp_path / "there.onnx", "openvino:f32"), linear(tmp_path / "base.onnx")
    command = ("explain", str(there), "--against", str(base), "--json")
    refused = run(*command)
    assert refused.code == 2
    assert "there.onnx says that it is for openvino, and what is explained are profiles of onnxruntime" in refused.err
    assert len(refused.err.splitlines()) == 1
    assert run(*command, "--device", "runtime=onnxruntime").code == 0


SEVERAL = ("runtime=[onnxruntime, openvino]", "precision=[f32]")


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working directory in which both were searched, with four trials."""
    pytest.importorskip("openvino", reason="the extra `openvino` is not installed")
    settings = [
        word for setting in (*(f"device.{one}" for one in SEVERAL), "search.trials=4") for word in ("--set", setting)
    ]
    return searched_project(tmp_path_factory.mktemp("searched"), TASK, CONFIG, *settings)


class TestSeveralRuntimes:
    """One search, one reading and one retargeting in ONNX Runtime and OpenVINO at once."""

    @pytest.fixture(autouse=True)
    def installed(self) -> None:
        pytest.importorskip("openvino", reason="the extra `openvino` is not installed")

    @pytest.fixture
    def here(self, searched: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        shutil.copytree(searched, tmp_path, dirs_exist_ok=True)
        monkeypatch.chdir(tmp_path)

    def test_a_search_has_both_on_one_front_and_goes_to_another_device(
        self, here: None, run: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(measuring, "PROTOCOL", LatencyProtocol(min_samples=16, min_seconds=0.05, max_seconds=0.3))
        monkeypatch.setattr(measuring, "MEMORY_REPEATS", 1)
        document = json.loads(run("front", "demo", "--json").out)
        assert document["device"]["runtime"]["name"] == "onnxruntime"
        assert [other["choice"] for other in document["device"]["other_runtimes"]] == ["openvino:f32"]
        assert {"uncompressed", "uncompressed in openvino:f32"} <= {mark["name"] for mark in document["landmarks"]}
        searched = Run.open("demo")
        there = next(r for r in searched.trials if r.candidate is not None and runtime_in(r.policy))
        assert there.number < len(searched.environment["runtimes"]) + 1
        shown = run("front", "demo").out
        assert "runs in" in shown
        assert "uncompressed in openvino:f32: " in shown

        exported = run("export", "demo", "--trial", str(there.number), "-o", str(tmp_path / "there.onnx"))
        assert exported.code == 0, exported.err
        assert "in openvino:f32" in exported.out
        baseline = searched.baseline.export(tmp_path / "first.onnx")
        pair = ("measure", str(tmp_path / "there.onnx"), "--against", str(baseline), "--json")
        device = json.loads(run(*pair).out)["device"]
        assert "runtime" not in device, "a file that says nothing runs in the usual one"
        assert [other["name"] for other in device["others"]] == ["openvino:f32"]

        device_words = [w for setting in (*SEVERAL, "optimisation=enable_basic") for w in ("--device", setting)]
        moved = run("retarget", "demo", *device_words, "--run", "moved")
        assert moved.code == 0, moved.err
        target = Run.open("moved")
        assert target.environment["runtimes"] == ["onnxruntime", "openvino:f32"]
        before = {r.policy.digest: r.candidate for r in searched.trials if r.candidate is not None}
        for record in target.trials:
            if record.candidate is not None:
                assert record.candidate.accuracy == before[record.policy.digest].accuracy

    @pytest.mark.parametrize(
        ("device", "names"),
        [
            (("runtime=[openvino, onnxruntime]", "precision=[f32]"), ["openvino:f32", "onnxruntime"]),
            (("runtime=openvino", "precision=f32"), ["openvino:f32"]),
            (("optimisation=enable_basic",), ["onnxruntime"]),
        ],
        ids=["the other order", "the second alone", "the first alone"],
    )
    def test_candidates_keep_their_runtimes_and_scores_on_a_device_that_orders_them_otherwise(
        self, here: None, run: Command, device: tuple[str, ...], names: list[str]
    ) -> None:
        moved = run("retarget", "demo", *(w for setting in device for w in ("--device", setting)), "--run", "moved")
        assert moved.code == 0, moved.err
        before, there = Run.open("demo"), Run.open("moved")
        known = told_in(before, "onnxruntime")
        assert told_in(there, names[0]) == {key: score for key, score in known.items() if key[0] in names}
        for record in there.trials:
            assert record.candidate is not None
            assert "accuracy" not in record.candidate.timings
            path = record.candidate.artifact
            assert path is None or runtime_of_file(path.read_bytes()) in ("", runtime_in(record.policy))
        assert [other["name"] for other in there.environment["built_for"].get("others", ())] == names[1:]

    @pytest.mark.parametrize("turned", [False, True])
    def test_a_file_that_says_nothing_runs_in_the_usual_runtime_whatever_the_other_one_says(
        self, run: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, turned: bool
    ) -> None:
        monkeypatch.setattr(measuring, "PROTOCOL", LatencyProtocol(min_samples=16, min_seconds=0.05, max_seconds=0.3))
        monkeypatch.setattr(measuring, "MEMORY_REPEATS", 1)
        sessions: dict[str, str] = {}
        session_of = Device._session_of

        def seen(device: Device, artifact: Path) -> dict[str, Any]:
            session = session_of(device, artifact)
            sessions[artifact.name] = session.get("runtime", "onnxruntime")
            return session

        monkeypatch.setattr(Device, "_session_of", seen)
        files = [linear(tmp_path / "there.onnx", "openvino:f32"), linear(tmp_path / "plain.onnx")]
        model, against = reversed(files) if turned else files
        outcome = run("measure", str(model), "--against", str(against))
        assert outcome.code == 0, outcome.err
        assert sessions == {"there.onnx": "openvino", "plain.onnx": "onnxruntime"}


def told_in(run: Run, first: str) -> dict[tuple[str, Policy], Any]:
    """The score of each candidate, by the runtime that it is for, and what was done to the network."""
    candidates = [record.candidate for record in run.trials if record.candidate is not None]
    return {(runtime_in(c.policy) or first, without_runtime(c.policy)): c.metrics["accuracy"] for c in candidates}


def test_a_config_error_of_two_runtimes_names_both(small: Path, run: Command) -> None:
    devices = "{a: {}, b: {runtime: openvino, command: [env]}}"
    outcome = run("search", "demo/search.yaml", "--set", f"devices={devices}")
    assert outcome.code == 2
    assert "one runtime and precision for all" in outcome.err
    with pytest.raises(ConfigError):
        parse_device({"runtime": "nothing"}, "device").options()
