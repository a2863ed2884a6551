"""Packed weights: exactly what was packed comes out of the runtime, in as few bytes as the form promises."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
import onnxruntime as ort
import pytest

from parefront.spaces.emission import Builder
from parefront.spaces.packing import pack, packed

WEIGHT = np.random.default_rng(0).standard_normal((64, 32, 3, 3)).astype(np.float32)
COUNT = WEIGHT.size
ROUNDED = {
    "as it is": WEIGHT,
    "90 % zeros": np.where(np.abs(WEIGHT) < 1.645, 0, WEIGHT),
    "16 values": np.digitize(WEIGHT, np.linspace(-2, 2, 15)).astype(np.float32),
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
