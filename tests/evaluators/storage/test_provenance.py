"""What an exported file says of itself stands behind the bytes that were measured."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

import parefront as pf
from parefront.evaluators.storage.packed_file import decode, encode
from parefront.evaluators.storage.provenance import Provenance, facts_of, without_provenance
from parefront.spaces.network.emit import emit
from parefront.testing.specimen import specimen

TOLD = Provenance({"run": "demo", "metric.accuracy": '{"value": 0.93}', "note": "über"}, 17, "run demo, trial 17")


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    subject = specimen("plain")
    path = tmp_path_factory.mktemp("file") / "x.onnx"
    emit(subject.net, path, subject.calibration.example)
    return path.read_bytes()


def test_the_measured_bytes_come_first_and_can_be_checked(content: bytes) -> None:
    exported = TOLD.added_to(content)
    assert exported.startswith(content)
    assert facts_of(exported) == {
        "artifact": hashlib.sha256(content).hexdigest(), "artifact_bytes": str(len(content)), **TOLD.facts
    }  # fmt: skip
    assert without_provenance(exported) == content
    assert TOLD.added_to(content) == exported, "equal records give equal bytes"


def test_onnx_reads_it_and_runtimes_compute_the_same(content: bytes) -> None:
    exported = TOLD.added_to(content)
    model = onnx.ModelProto.FromString(exported)
    onnx.checker.check_model(model, full_check=True)
    assert (model.model_version, model.doc_string) == (17, "run demo, trial 17")
    assert {p.key: p.value for p in model.metadata_props}["parefront.note"] == "über"
    assert model.graph == onnx.ModelProto.FromString(content).graph
    images = specimen("plain").images[:2].numpy()
    sessions = [onnxruntime.InferenceSession(data) for data in (content, exported)]
    before, after = (session.run(None, {"input": images})[0] for session in sessions)
    assert np.array_equal(before, after)
    assert sessions[1].get_modelmeta().custom_metadata_map["parefront.run"] == "demo"


def test_files_of_another_origin_say_nothing(content: bytes) -> None:
    assert facts_of(content) == {}
    assert without_provenance(content) is content
    with pytest.raises(ValueError, match="protobuf"):
        facts_of(b"\xff\xff\xff")
    assert without_provenance(b"\xff\xff\xff") == b"\xff\xff\xff"


def test_a_file_that_was_changed_since_keeps_all_its_bytes(content: bytes) -> None:
    exported = bytearray(TOLD.added_to(content))
    exported[-3 - len(content) // 2] ^= 1
    changed = bytes(exported)
    assert without_provenance(changed) == changed


def addition(name: str) -> onnx.ModelProto:
    """A message that readers add to the model before it."""
    node = onnx.helper.make_node("Neg", ["output"], ["negated"])
    return {
        "graph": onnx.ModelProto(graph=onnx.GraphProto(node=[node])),
        "function": onnx.ModelProto(functions=[onnx.FunctionProto(name="f", domain="d", node=[node])]),
        "opset": onnx.ModelProto(opset_import=[onnx.helper.make_opsetid("", 7)]),
        "IR version": onnx.ModelProto(ir_version=4),
    }[name]


@pytest.mark.parametrize("name", ["graph", "function", "opset", "IR version"])
def test_what_was_added_behind_a_file_belongs_to_it(content: bytes, name: str) -> None:
    changed = TOLD.added_to(content) + addition(name).SerializeToString()
    assert facts_of(changed)["run"] == "demo"
    assert without_provenance(changed) == changed


def test_more_may_be_said_of_an_exported_file(content: bytes) -> None:
    note = onnx.ModelProto(metadata_props=[onnx.StringStringEntryProto(key="note", value="mine")], doc_string="mine")
    assert without_provenance(TOLD.added_to(content) + note.SerializeToString()) == content


def test_packed_files_keep_it(content: bytes) -> None:
    exported = TOLD.added_to(content)
    assert decode(encode(exported)) == exported


def test_a_module_is_of_the_measured_bytes(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "exported.onnx").write_bytes(TOLD.added_to(content))
    module = pf.load(tmp_path / "exported.onnx")
    assert module.source == content, "what is trained of it must not claim what was measured of another"
    with torch.no_grad():
        assert torch.isfinite(module(specimen("plain").images[:2])).all()
