"""``parefront show``: what a file is and where it comes from, whoever wrote it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from parefront.evaluators.results.measurement import Measurement
from parefront.evaluators.storage.packed_file import encode
from parefront.evaluators.storage.provenance import Provenance

from ..conftest import Command

ACCURACY = Measurement.around(0.931, 0.926, 0.936, 10000, "fraction")
TOLD = Provenance(
    {"run": "demo", "trial": "3", "metric.accuracy": json.dumps(ACCURACY.to_json())}, 3, "run demo, trial 3: 2 blocks"
)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A convolution behind a branch."""
    weight = numpy_helper.from_array(np.ones((4, 2, 1, 1), np.float32), "weight")
    picture = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 2, 8, 8])
    flag = helper.make_tensor_value_info("flag", TensorProto.BOOL, [])
    inner = [
        helper.make_graph([helper.make_node(kind, ["image"], ["made"])], kind, [], [
            helper.make_tensor_value_info("made", TensorProto.FLOAT, None)
        ])
        for kind in ("Relu", "Neg")
    ]  # fmt: skip
    nodes = [
        helper.make_node("If", ["flag"], ["either"], then_branch=inner[0], else_branch=inner[1]),
        helper.make_node("Conv", ["either", "weight"], ["score"]),
    ]
    given = helper.make_tensor_value_info("score", TensorProto.FLOAT, ["batch", 4, 8, 8])
    graph = helper.make_graph(nodes, "net", [picture, flag], [given], [weight])
    path = tmp_path / "net.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), path)
    return path


def test_any_file_tells_inputs_outputs_opset_and_operators(model: Path, run: Command) -> None:
    facts = json.loads(run("show", str(model), "--json").out)
    assert facts["inputs"] == [
        {"name": "image", "type": "float", "shape": ["batch", 2, 8, 8]},
        {"name": "flag", "type": "bool", "shape": []},
    ]
    assert facts["outputs"] == [{"name": "score", "type": "float", "shape": ["batch", 4, 8, 8]}]
    assert facts["operators"] == {"If": 1, "Relu": 1, "Neg": 1, "Conv": 1}
    assert (facts["opsets"], facts["ir_version"]) == ({"ai.onnx": 21}, 10)
    assert (facts["weights"], facts["weight_types"]) == (8, {"float": 32})
    assert (facts["origin"], facts["intact"]) == ({}, None)
    assert facts["size_bytes"] == model.stat().st_size


def test_an_exported_file_tells_where_it_comes_from(model: Path, run: Command) -> None:
    model.write_bytes(TOLD.added_to(model.read_bytes()))
    facts = json.loads(run("show", str(model), "--json").out)
    assert facts["origin"]["metric.accuracy"] == ACCURACY.to_json()
    assert (facts["intact"], facts["version"], facts["text"]) == (True, 3, "run demo, trial 3: 2 blocks")
    shown = run("show", str(model)).out
    assert "93.1 ± 0.5 %" in shown
    assert "its bytes are here unchanged" in shown


def test_what_was_measured_is_written_as_in_tables(model: Path, run: Command) -> None:
    measured = {
        "params": Measurement.exact(741_060, "count"),
        "size_bytes": Measurement.exact(791_600, "bytes"),
        "accuracy_change": Measurement.around(-0.0035, -0.0095, 0.0025, 2000, "fraction"),
        "latency_ratio": Measurement.around(0.2184, 0.2123, 0.2245, 64, "x"),
    }
    facts = {f"metric.{key}": json.dumps(found.to_json()) for key, found in measured.items()}
    facts["devices"] = json.dumps({"": {"cpu": "AMD EPYC", "precision": "f32", "threads": 1, "batch": 1}})
    model.write_bytes(Provenance(facts, 3, "run demo").added_to(model.read_bytes()))
    shown = " ".join(run("show", str(model)).out.split())
    for text in (
        "parameters 741k",
        "size 792 KB",
        "accuracy change -0.4 ± 0.6 pt",
        "0.218 ± 0.006x",
        "1 thread, batch",
    ):
        assert text in shown


def test_a_file_that_was_changed_says_so(model: Path, run: Command) -> None:
    content = TOLD.added_to(model.read_bytes())
    model.write_bytes(content.replace(b"score", b"other"))
    assert "the file was changed since" in run("show", str(model)).out


def test_packed_files_tell_the_same(model: Path, run: Command) -> None:
    content = TOLD.added_to(model.read_bytes())
    model.with_suffix(".pfz").write_bytes(encode(content))
    model.write_bytes(content)
    packed, plain = (json.loads(run("show", str(model.with_suffix(s)), "--json").out) for s in (".pfz", ".onnx"))
    assert {k: v for k, v in packed.items() if k not in ("file", "size_bytes")} == {
        k: v for k, v in plain.items() if k not in ("file", "size_bytes")
    }


def test_what_a_file_says_cannot_control_the_terminal(model: Path, run: Command) -> None:
    told = Provenance({"run": "\x1b[2Jgone", "devices": "{" * 50_000}, 0, "\x1b]0;title\x07")
    model.write_bytes(told.added_to(model.read_bytes()))
    outcome = run("show", str(model))
    assert outcome.code == 0
    assert "\x1b" not in outcome.out
    assert "\\x1b[2Jgone" in outcome.out


@pytest.mark.parametrize("name", ["missing.onnx", "missing.pfz", "task.txt"])
def test_what_is_no_model_is_refused_in_a_line(name: str, tmp_path: Path, run: Command) -> None:
    (tmp_path / "task.txt").write_text("not a model")
    outcome = run("show", str(tmp_path / name))
    assert outcome.code == 2
    assert len(outcome.err.splitlines()) == 1
    assert name in outcome.err


def test_neither_torch_nor_a_runtime_is_loaded(model: Path) -> None:
    program = (
        "import sys; from parefront.cli.show import show_file; from pathlib import Path\n"
        f"show_file(Path({str(model)!r}), True)\n"
        "print(sorted({'torch', 'onnxruntime', 'openvino', 'optuna'} & set(sys.modules)), file=sys.stderr)"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert said.stderr.strip() == "[]"
