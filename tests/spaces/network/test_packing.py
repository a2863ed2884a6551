"""Packed weights: exactly what was packed comes out of the runtime, in as few bytes as the form promises."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnx.inliner
import onnx_ir as ir
import onnxruntime as ort
import pytest
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun

from parefront.spaces.network.emission import Builder
from parefront.spaces.network.packing import pack, packed

WEIGHT = np.random.default_rng(0).standard_normal((64, 32, 3, 3)).astype(np.float32)
COUNT = WEIGHT.size
ROUNDED = {
    "as it is": WEIGHT,
    "90 % zeros": np.where(np.abs(WEIGHT) < 1.645, 0, WEIGHT),
    "16 values": np.digitize(WEIGHT, np.linspace(-2, 2, 15)).astype(np.float32),
    "8 values": np.digitize(WEIGHT, np.linspace(-1.5, 1.5, 7)).astype(np.float32),
    "200 values": np.rint(WEIGHT * 30).clip(-100, 100),
    "two values": np.sign(WEIGHT),
    "few values and zeros": np.where(np.abs(WEIGHT) < 1.645, 0, np.rint(WEIGHT * 3)),
    "zeros": np.zeros_like(WEIGHT),
    "one weight": WEIGHT[:1, :1, :1, :1],
}


def artifact(array: np.ndarray) -> tuple[bytes, int]:
    """A file that gives ``array``, and the bytes in it that are not the functions' definitions."""
    builder = Builder()
    builder.scope = "layer"
    result = builder.node("Identity", [packed(builder, "weight", array)])[0]
    result.name, result.type = "output", ir.TensorType(ir.DataType.from_numpy(array.dtype))
    result.shape = ir.Shape(array.shape)
    graph = ir.Graph(
        [], [result], nodes=builder.nodes, initializers=list(builder.initializers.values()),
        opset_imports={"": 21, "parefront": 1}, name="packed",
    )  # fmt: skip
    model = ir.to_proto(ir.Model(graph, ir_version=10, functions=list(builder.functions.values())))
    data: bytes = model.SerializeToString()
    return data, len(data) - sum(len(function.SerializeToString()) for function in model.functions)


@pytest.mark.parametrize("name", ROUNDED)
@pytest.mark.parametrize("kind", [np.float32, np.int8])
def test_what_is_packed_comes_out(name: str, kind: type) -> None:
    array: np.ndarray = ROUNDED[name].astype(kind)
    data, _ = artifact(array)
    unpacked = ort.InferenceSession(data, providers=["CPUExecutionProvider"]).run(None, {})[0]
    assert unpacked.dtype == kind
    assert np.array_equal(unpacked, array)


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        ("as it is", np.float32, 4 * COUNT),
        ("90 % zeros", np.float32, COUNT / 8 + 0.1 * 4 * COUNT),
        ("16 values", np.float32, COUNT / 2 + 64),
        ("200 values", np.float32, COUNT + 800),
        ("two values", np.float32, COUNT / 8),
        ("two values", np.int8, COUNT / 8),
        ("8 values", np.int8, 3 * COUNT / 8),
    ],
)
def test_it_takes_few_bytes(name: str, kind: type, expected: float) -> None:
    _, size = artifact(ROUNDED[name].astype(kind))
    assert size < 1.05 * expected + 500


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_the_first_code_is_in_the_lowest_bits(bits: int) -> None:
    codes = np.arange(11) % 2**bits
    joined = int.from_bytes(pack(codes, bits).tobytes(), "little")
    assert [joined >> (bits * i) & (2**bits - 1) for i in range(11)] == codes.tolist()


SHAPES = [(1, 10_331), (7, 1311), (5, 27, 7, 11)]
"""Odd numbers of weights: the last byte of a packed row is never full."""
FORMS = [
    (np.float32, 1, 0.0, {"Unpack1"}),
    (np.float32, 2, 0.0, {"Unpack2"}),
    (np.float32, 3, 0.0, {"Unpack3"}),
    (np.float32, 4, 0.0, {"Unpack4"}),
    (np.float32, 8, 0.0, {"Unpack8"}),
    (np.float32, 1, 0.9, {"Unpack1"}),
    (np.float32, 2, 0.97, {"Spread", "Unpack2"}),
    (np.float32, 8, 0.9, {"Spread", "Unpack8"}),
    (np.float32, 12, 0.9, {"Spread"}),
    (np.int8, 1, 0.0, {"Unpack1"}),
    (np.int8, 2, 0.0, {"Unpack2"}),
    (np.int8, 3, 0.0, {"Unpack3"}),
    (np.float32, 3, 0.97, {"Spread", "Unpack3"}),
    (np.int8, 4, 0.0, {"Cast"}),
    (np.int8, 4, 0.9, {"Spread", "Cast"}),
    (np.int8, 8, 0.9, {"Spread"}),
]
"""Kind, bits of a code, share of zeros, and the operators that a file of such weights unpacks them with."""


def weights(kind: type, bits: int, zeros: float, shape: tuple[int, ...]) -> np.ndarray:
    """Random weights of ``2**bits`` values, the lowest and the highest among them first and last."""
    generator = np.random.default_rng(bits)
    lowest = -(2 ** (bits - 1))
    codes = generator.integers(lowest, -lowest, shape)
    codes[generator.random(shape) < zeros] = 0
    codes.flat[[0, 1, -2, -1]] = lowest, -lowest - 1, lowest, -lowest - 1
    return (codes * 0.37).astype(kind) if kind is np.float32 else codes.astype(kind)


class DividingShift(OpRun):
    """A shift as some runtimes compute it: divided by a power of two, and rounded."""

    op_domain = ""

    def _run(self, x: np.ndarray, shift: np.ndarray, direction: str = "") -> tuple[np.ndarray]:
        assert direction == "RIGHT"
        return (np.rint(x / 2.0**shift).astype(x.dtype),)


DividingShift.__name__ = "BitShift"


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize(("kind", "bits", "zeros", "operators"), FORMS)
@pytest.mark.parametrize("operations", [[], [DividingShift]], ids=["", "shifts divide"])
def test_it_comes_out_of_the_reference_implementation_too_inlined_or_not(
    kind: type, bits: int, zeros: float, operators: set[str], shape: tuple[int, ...], operations: list[Any]
) -> None:
    array = weights(kind, bits, zeros, shape)
    model = onnx.load_from_string(artifact(array)[0])
    assert {node.op_type for node in model.graph.node} == operators | {"Identity"}
    for read in (model, onnx.inliner.inline_local_functions(model)):
        outputs: Any = ReferenceEvaluator(read, new_ops=operations).run(None, {})
        (unpacked,) = outputs
        assert unpacked.dtype == kind
        assert np.array_equal(unpacked, array)


@pytest.mark.parametrize(("kind", "bits", "zeros", "operators"), FORMS)
def test_it_comes_out_of_openvino_once_inlined(kind: type, bits: int, zeros: float, operators: set[str]) -> None:
    """Weights that a linear layer reads are unpacked by OpenVINO's kernels, those that nothing reads by its folding."""
    openvino = pytest.importorskip("openvino")
    array = weights(kind, bits, zeros, (8, 1311))
    model = onnx.inliner.inline_local_functions(onnx.load_from_string(artifact(array)[0]))
    floats = onnx.helper.make_node("Cast", ["output"], ["weight"], to=onnx.TensorProto.FLOAT)
    model.graph.node.extend([floats, onnx.helper.make_node("Gemm", ["input", "weight"], ["product"], transB=1)])
    for held, name, size in ((model.graph.input, "input", 1311), (model.graph.output, "product", 8)):
        del held[:]
        held.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["batch", size]))
    core = openvino.Core()
    compiled = core.compile_model(
        core.read_model(model.SerializeToString()), "CPU", {"INFERENCE_PRECISION_HINT": "f32"}
    )
    product = compiled({"input": np.eye(1311, dtype=np.float32)})["product"]
    assert np.array_equal(product.T, array)
