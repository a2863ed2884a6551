"""Candidates in other forms: what is written computes the same, or is not written."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from parefront.compressors.context import Context
from parefront.compressors.pipeline import Pipeline
from parefront.compressors.registry import create
from parefront.evaluators.restore.exact_session import exact_session
from parefront.evaluators.restore.opset import portable
from parefront.evaluators.restore.plain import is_packed
from parefront.evaluators.results.candidate import Candidate
from parefront.evaluators.runtimes.litert_runtime import LiteRt
from parefront.evaluators.runtimes.openvino_ir import write_ir
from parefront.evaluators.runtimes.tflite.translate import tflite
from parefront.evaluators.storage.packed_file import load_packed
from parefront.evaluators.storage.provenance import Provenance, facts_of
from parefront.inspection import exporting
from parefront.inspection.exporting import export_ncnn, export_onnx, export_openvino, export_tflite
from parefront.inspection.tflite_facts import tflite_facts
from parefront.spaces.errors import ConfigError, ParefrontError
from parefront.spaces.network.emit import emit
from parefront.spaces.policy import Policy
from parefront.testing.specimen import specimen

W4: dict[str, dict[str, Any]] = {"quantize": {"bits": [32, "w4"]}}


def candidate_of(folder: Path, **methods: dict[str, Any]) -> Candidate:
    subject = specimen("residual")
    pipeline = Pipeline.of([create(name, options) for name, options in methods.items()], subject.graph)
    policy = pipeline.space.decode({knob.name: knob.choices[-1] for knob in pipeline.space})
    net = pipeline.apply(subject.net, policy, Context(subject.graph, subject.calibration))
    made = emit(net, folder / "artifact.onnx", subject.calibration.example)
    facts = {"run": "demo", "metric.latency_ms@pi": "{}"}
    return Candidate(policy, {}, made.path, made.sha256, trial=7, origin=lambda _: Provenance(facts, 7, "demo"))


@pytest.fixture
def shared(tmp_path: Path) -> Candidate:
    """Packed by functions of its own."""
    return candidate_of(tmp_path, share_weights={"clusters": [16]})


def outputs(content: bytes) -> Any:
    return exact_session(content, threads=1).run(None, {"input": specimen("residual").images[:3].numpy()})[0]


def test_a_plain_file_says_of_what_it_was_made(shared: Candidate, tmp_path: Path) -> None:
    content = export_onnx(shared, tmp_path / "plain.onnx", plain=True).read_bytes()
    assert not is_packed(content)
    assert np.array_equal(outputs(content), outputs(shared.content()))
    facts = facts_of(content)
    assert (facts["run"], facts["measured"], facts["changes"]) == ("demo", shared.sha256, "plain weights")
    assert facts["artifact"] != shared.sha256
    assert Policy.from_yaml((tmp_path / "plain.yaml").read_text()) == shared.policy


def test_without_a_form_it_is_what_was_measured(shared: Candidate, tmp_path: Path) -> None:
    content = export_onnx(shared, tmp_path / "same.onnx").read_bytes()
    assert content.startswith(shared.content())
    assert "changes" not in facts_of(content)


def test_another_opset_is_plain_and_may_be_packed_by_entropy(shared: Candidate, tmp_path: Path) -> None:
    content = load_packed(export_onnx(shared, tmp_path / "old.pfz", opset=15))
    model = onnx.ModelProto.FromString(content)
    assert {o.domain: o.version for o in model.opset_import} == {"": 15}
    assert model.ir_version == 8, "which old software reads"
    assert facts_of(content)["changes"] == "plain weights, opset 15"


def test_another_opset_has_standard_operators_alone(tmp_path: Path) -> None:
    path = export_onnx(candidate_of(tmp_path, **W4), tmp_path / "old.onnx", opset=17)
    assert {o.domain for o in onnx.load(path).opset_import} == {""}


def test_what_computes_something_else_is_not_written(
    shared: Candidate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def damaged(content: bytes) -> bytes:
        model = onnx.ModelProto.FromString(portable(content))
        tensor = next(t for t in model.graph.initializer if len(t.dims) > 1)
        tensor.CopyFrom(numpy_helper.from_array(1.01 * numpy_helper.to_array(tensor), tensor.name))
        return bytes(model.SerializeToString())

    monkeypatch.setattr(exporting, "portable", damaged)
    for given in ({"plain": True}, {"opset": 17}):
        with pytest.raises(ParefrontError, match=r"was not written, as its output differs by .* \(allowed"):
            export_onnx(shared, tmp_path / "other.onnx", **given)
    assert not (tmp_path / "other.onnx").exists()


def test_an_opset_that_the_network_has_no_form_in_is_refused(tmp_path: Path) -> None:
    exits = candidate_of(tmp_path, early_exit={"places": 1})
    with pytest.raises(ConfigError, match="opset 13: the network has no form in it") as told:
        export_onnx(exits, tmp_path / "old.onnx", opset=13)
    assert "\n" not in str(told.value)
    assert not (tmp_path / "old.onnx").exists()


@pytest.mark.parametrize("methods", [{"share_weights": {"clusters": [16]}}, {"quantize": {}}, W4], ids=str)
def test_openvino_loads_what_is_written_for_it(methods: dict[str, dict[str, Any]], tmp_path: Path) -> None:
    openvino = pytest.importorskip("openvino")
    candidate = candidate_of(tmp_path, **methods)
    path = export_openvino(candidate, tmp_path / "small")
    assert path == tmp_path / "small.xml"
    assert {p.suffix for p in tmp_path.glob("small*")} == {".xml", ".bin", ".yaml"}
    model = openvino.Core().read_model(path)
    assert model.get_rt_info(["parefront", "run"]).astype(str) == "demo"
    assert model.get_rt_info(["parefront", "artifact"]).astype(str) == candidate.sha256
    assert [port.get_any_name() for port in (*model.inputs, *model.outputs)] == ["input", "output"]


def test_openvino_that_computes_something_else_is_not_written(
    shared: Candidate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("openvino")
    (tmp_path / "other").mkdir()
    other = candidate_of(tmp_path / "other", prune_channels={"round_to": 1, "compensate": "none"})
    monkeypatch.setattr(exporting, "write_ir", lambda _, path, facts: write_ir(other.content(), path, facts))
    with pytest.raises(ParefrontError, match="OpenVINO's file was not written, as its output differs"):
        export_openvino(shared, tmp_path / "small.xml")
    assert not list(tmp_path.glob("small*"))


def test_openvino_has_files_of_its_own(shared: Candidate, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"ends in \.xml \(OpenVINO\), got small\.onnx"):
        export_openvino(shared, tmp_path / "small.onnx")


def test_ncnn_loads_what_is_written_for_it(shared: Candidate, tmp_path: Path) -> None:
    ncnn = pytest.importorskip("ncnn")
    path = export_ncnn(shared, tmp_path / "small")
    assert path == tmp_path / "small.param"
    assert {p.suffix for p in tmp_path.glob("small*")} == {".param", ".bin", ".yaml"}
    net = ncnn.Net()
    assert net.load_param(str(path)) == 0
    assert net.load_model(str(path.with_suffix(".bin"))) == 0
    policy = (tmp_path / "small.yaml").read_text()
    assert policy.startswith("# demo\n")
    assert Policy.from_yaml(policy) == shared.policy


def test_what_ncnn_does_not_load_is_not_written(tmp_path: Path) -> None:
    pytest.importorskip("ncnn")
    with pytest.raises(ParefrontError, match=r"^export: ncnn .* does not load the file: ncnn has no layer"):
        export_ncnn(candidate_of(tmp_path, quantize={}), tmp_path / "small")
    assert not list(tmp_path.glob("small*"))


@pytest.mark.parametrize("methods", [{"share_weights": {"clusters": [16]}}, {"quantize": {}}, W4], ids=str)
def test_litert_loads_what_is_written_for_it(methods: dict[str, dict[str, Any]], tmp_path: Path) -> None:
    pytest.importorskip("ai_edge_litert")
    candidate = candidate_of(tmp_path, **methods)
    path = export_tflite(candidate, tmp_path / "small")
    assert {p.name for p in tmp_path.glob("small*")} == {"small.tflite", "small.yaml"}
    told = tflite_facts(path)
    assert (told.origin["run"], told.origin["artifact"]) == ("demo", candidate.sha256)
    assert [port["name"] for port in (*told.inputs, *told.outputs)] == ["input", "output"]
    assert told.inputs[0]["shape"] == ["?", 3, 16, 16]
    assert told.operators["CONV_2D"] == 10
    assert ("int8" in told.weight_types) == ("quantize" in methods and methods is not W4)


def test_litert_s_file_that_computes_something_else_is_not_written(
    shared: Candidate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ai_edge_litert")
    (tmp_path / "other").mkdir()
    other = candidate_of(tmp_path / "other", prune_channels={"round_to": 1, "compensate": "none"}).content()
    monkeypatch.setattr(LiteRt, "translated", lambda self, content: tflite(other))
    with pytest.raises(ParefrontError, match="LiteRT's file was not written, as its output differs"):
        export_tflite(shared, tmp_path / "small")
    with pytest.raises(ParefrontError, match=r"^export: litert .* operator If of layer .* leave out early_exit"):
        export_tflite(candidate_of(tmp_path / "other", early_exit={"places": 1}), tmp_path / "small")
    assert not list(tmp_path.glob("small*"))


def test_a_file_that_has_changed_is_not_exported(shared: Candidate, tmp_path: Path) -> None:
    with pytest.raises(ParefrontError, match="has changed since it was measured"):
        export_onnx(replace(shared, sha256="0" * 64), tmp_path / "x.onnx", plain=True)
