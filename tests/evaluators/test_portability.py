"""Who reads what compressors emit: a matrix in which every hole has a reason (``docs/portability.md``)."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import checker, shape_inference
from onnx.reference import ReferenceEvaluator

from parefront.compressors.context import Context
from parefront.compressors.pipeline import Pipeline
from parefront.compressors.registry import GROUP, create
from parefront.evaluators.quality.parity import FLOAT_TOLERANCE, LIKENESS
from parefront.evaluators.restore.exact_session import exact_session
from parefront.evaluators.restore.opset import OPSETS, at_opset, portable
from parefront.evaluators.restore.plain import is_packed
from parefront.evaluators.restore.standard import standard
from parefront.evaluators.runtimes.litert_runtime import LiteRt
from parefront.evaluators.runtimes.ncnn_runtime import Ncnn
from parefront.evaluators.runtimes.openvino_runtime import OpenVino
from parefront.evaluators.runtimes.runtime import ModelRejected
from parefront.spaces.errors import ConfigError
from parefront.spaces.network.emit import serialize
from parefront.testing.specimen import specimen

Read = Callable[[bytes], NDArray[Any] | None]

BITS = (8, 4, 3, 2, 1, "w8", "w4", "w3", "w2", "w1")
EMITTED: dict[str, tuple[str, dict[str, Any]]] = {
    "drop_blocks": ("drop_blocks", {}),
    "merge": ("merge", {}),
    "prune_channels": ("prune_channels", {}),
    "separable": ("separable", {}),
    "low_rank": ("low_rank", {}),
    "early_exit": ("early_exit", {"places": 1}),
    "prune_weights": ("prune_weights", {"sparsities": [0.7]}),
    "prune_weights 2:4": ("prune_weights", {"pattern": "2:4"}),
    "share_weights": ("share_weights", {"clusters": [16]}),
    **{f"quantize {bits}": ("quantize", {"bits": [32, bits]}) for bits in BITS},
}
PRIVATE = {"prune_weights", "prune_weights 2:4", "share_weights"} | {
    f"quantize {b}" for b in (3, 2, 1, "w3", "w2", "w1")
}
"""What is unpacked by functions in the file, which OpenVINO does not load; plain files have none."""
CONTRIBUTED = {f"quantize {bits}" for bits in ("w8", "w4", "w2")}
"""What has linear layers in ONNX Runtime's own ``MatMulNBits``, plain or not."""
PACKED = PRIVATE | {"quantize 4", "quantize w4"}
INTEGERS = {f"quantize {bits}" for bits in BITS}
HOLES = {
    **{(name, "packed", "openvino"): "does not load functions that a file defines" for name in PRIVATE},
    **{(name, form, "reference"): "knows no MatMulNBits" for name in CONTRIBUTED for form in ("packed", "plain")},
    **{("early_exit", form, "litert"): "LiteRT is written no branches" for form in ("packed", "plain")},
}

NCNN_HOLES = {
    **{f"quantize {bits}": "no layer .*QuantizeLinear" for bits in (8, 4, 3, 2, 1)},
    **dict.fromkeys(CONTRIBUTED, "MatMulNBits"),
    "early_exit": "no layer .*If",
}


@cache
def emitted(name: str, form: str) -> bytes:
    """A residual network compressed as far as the method goes."""
    method, options = EMITTED[name]
    subject = specimen("residual")
    pipeline = Pipeline.of([create(method, options)], subject.graph)
    policy = pipeline.space.decode({knob.name: knob.choices[-1] for knob in pipeline.space})
    net = pipeline.apply(subject.net, policy, Context(subject.graph, subject.calibration))
    content = serialize(net, subject.calibration.example)
    return content if form == "packed" else portable(content)


def images() -> NDArray[np.float32]:
    found: NDArray[np.float32] = specimen("residual").images[:3].numpy()
    return found


@cache
def wanted(name: str) -> NDArray[Any]:
    return in_onnx_runtime(emitted(name, "packed"))


def checked(content: bytes) -> None:
    checker.check_model(onnx.ModelProto.FromString(content), full_check=True)


def inferred(content: bytes) -> None:
    model = onnx.ModelProto.FromString(content)
    shapes = shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
    (output,) = shapes.graph.output
    assert [axis.dim_value for axis in output.type.tensor_type.shape.dim][1:] == [10]


def in_reference(content: bytes) -> NDArray[Any]:
    found = ReferenceEvaluator(onnx.ModelProto.FromString(content)).run(None, {"input": images()})
    assert isinstance(found, list)
    return np.asarray(found[0])


def in_onnx_runtime(content: bytes) -> NDArray[Any]:
    found: NDArray[Any] = exact_session(content, threads=1).run(None, {"input": images()})[0]
    return found


def in_openvino(content: bytes) -> NDArray[Any]:
    pytest.importorskip("openvino")
    found: NDArray[Any] = OpenVino().session(content, "f32", 1).run(["output"], {"input": images()})[0]
    return found


def in_ncnn(content: bytes) -> NDArray[Any]:
    pytest.importorskip("ncnn")
    found: NDArray[Any] = Ncnn().session(content, threads=1).run(["output"], {"input": images()})[0]
    return found


def in_litert(content: bytes) -> NDArray[Any]:
    pytest.importorskip("ai_edge_litert")
    found: NDArray[Any] = LiteRt().session(content, threads=1).run(["output"], {"input": images()})[0]
    return found


READERS: dict[str, Read] = {
    "checker": checked,
    "shapes": inferred,
    "reference": in_reference,
    "onnxruntime": in_onnx_runtime,
    "openvino": in_openvino,
    "litert": in_litert,
}


@pytest.mark.parametrize("form", ["packed", "plain"])
@pytest.mark.parametrize("name", EMITTED)
@pytest.mark.parametrize("reader", READERS)
def test_every_file_is_read_or_the_hole_is_known(reader: str, name: str, form: str) -> None:
    content, read = emitted(name, form), READERS[reader]
    if (name, form, reader) in HOLES:
        with pytest.raises((ModelRejected, NotImplementedError)):
            read(content)
        return
    found = read(content)
    if found is None:
        return
    if reader == "onnxruntime":
        assert np.array_equal(found, wanted(name)), "plain files compute the same, bit for bit"
        return
    rounded_elsewhere = reader in ("openvino", "litert") and name in INTEGERS
    deviation = float(np.sqrt(((found - wanted(name)) ** 2).mean()) / wanted(name).std())
    assert deviation <= (0.1 * LIKENESS if rounded_elsewhere else FLOAT_TOLERANCE)


@pytest.mark.parametrize("name", EMITTED)
def test_ncnn_reads_plain_files_or_the_hole_is_known(name: str) -> None:
    if name in NCNN_HOLES:
        with pytest.raises(ModelRejected, match=NCNN_HOLES[name]):
            in_ncnn(emitted(name, "plain"))
        return
    found = in_ncnn(emitted(name, "plain"))
    assert np.abs(found - wanted(name)).max() <= FLOAT_TOLERANCE * np.abs(wanted(name)).max()


@pytest.mark.parametrize("name", EMITTED)
def test_plain_files_have_no_functions_and_declare_what_they_use(name: str) -> None:
    model = onnx.ModelProto.FromString(emitted(name, "plain"))
    assert is_packed(emitted(name, "packed")) == (name in PACKED)
    assert not is_packed(emitted(name, "plain"))
    assert not model.functions
    assert {o.domain for o in model.opset_import} == ({"", "com.microsoft"} if name in CONTRIBUTED else {""})
    assert portable(emitted(name, "plain")) == emitted(name, "plain")


@pytest.mark.parametrize("version", [OPSETS.start, 15, 18, 20, OPSETS.stop - 1])
@pytest.mark.parametrize("name", EMITTED)
def test_files_are_written_in_other_opsets(name: str, version: int) -> None:
    if name == "early_exit" and version < 18:
        with pytest.raises(ConfigError, match=f"opset {version}: the network has no form in it .*ReduceMax"):
            at_opset(emitted(name, "plain"), version)
        return
    content = at_opset(emitted(name, "plain"), version)
    checked(content)
    model = onnx.ModelProto.FromString(content)
    assert {o.domain: o.version for o in model.opset_import}[""] == version
    assert np.array_equal(in_onnx_runtime(content), wanted(name))


@pytest.mark.parametrize("name", sorted(CONTRIBUTED))
def test_without_operators_of_onnx_runtime_everybody_reads_it(name: str) -> None:
    content = standard(emitted(name, "plain"))
    checked(content)
    assert {o.domain for o in onnx.ModelProto.FromString(content).opset_import} == {""}
    for found in (in_onnx_runtime(content), in_reference(content)):
        assert np.abs(found - wanted(name)).max() <= 1e-5 * np.abs(wanted(name)).max()
    assert standard(content) is content


def test_every_compressor_is_in_the_matrix() -> None:
    own = {point.name for point in entry_points(group=GROUP) if point.value.startswith("parefront.")}
    assert own == {method for method, _ in EMITTED.values()}


def test_every_hole_stands_in_the_documentation() -> None:
    page = (Path(__file__).parents[2] / "docs" / "portability.md").read_text()
    assert all(reason in " ".join(page.split()) for reason in set(HOLES.values()))
    assert all(f"`{name}`" in page for name in CONTRIBUTED)


@pytest.mark.parametrize("version", [12, 24, 0])
def test_other_opsets_are_refused(version: int) -> None:
    with pytest.raises(ConfigError, match=f"opset: expected 13 to 23, got {version}"):
        at_opset(emitted("merge", "plain"), version)
