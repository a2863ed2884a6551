"""A model written part by part has the bytes that protobuf gives it."""

from __future__ import annotations

from pathlib import Path

import ml_dtypes
import numpy as np
import onnx_ir as ir
import pytest
from torch import nn

from parefront.spaces.network.emit import build, emit
from parefront.spaces.network.streaming import INLINE_BYTES, chunks

from ...flat import chain, conv, flatten, images, relu

LARGE = INLINE_BYTES // 4


def model_of(**arrays: np.ndarray) -> ir.Model:
    """A model that gives the first of its initialisers, and holds the others too."""
    values = [
        ir.Value(name=name, shape=ir.Shape(array.shape), type=ir.TensorType(held.dtype), const_value=held)
        for name, array in arrays.items()
        for held in [ir.Tensor(array, name=name)]
    ]
    node = ir.node("Identity", [values[0]], doc_string="what is behind the initialisers")
    node.outputs[0].name = "output"
    graph = ir.Graph([], node.outputs, nodes=[node], initializers=values, opset_imports={"": 21}, doc_string="a graph")
    return ir.Model(graph, ir_version=10, producer_name="parefront", doc_string="a model", metadata_props={"k": "v"})


def whole(model: ir.Model) -> bytes:
    return bytes(ir.to_proto(model).SerializeToString(deterministic=True))


@pytest.mark.parametrize(
    "arrays",
    [
        {"a": np.arange(LARGE, dtype=np.float32), "b": np.ones(3, np.float32), "c": np.zeros((2, LARGE), np.float32)},
        {"a": np.ones(3, np.float32)},
        {"a": np.arange(4 * LARGE, dtype=np.uint8).reshape(4, 2, -1), "b": np.ones(2 * LARGE, np.float16)},
        {"a": np.ones((LARGE, 2), np.int64).T, "b": np.ones(LARGE, ml_dtypes.bfloat16)},
        {"a": np.ones(16 * LARGE, ml_dtypes.int4), "b": np.ones(4 * LARGE, np.bool_)},
    ],
    ids=["large and small", "small", "integers", "transposed", "four bits"],
)
def test_the_parts_are_protobuf_s_bytes(arrays: dict[str, np.ndarray]) -> None:
    model = model_of(**arrays)
    expected = whole(model)
    parts = list(chunks(model))
    assert b"".join(parts) == expected
    assert whole(model) == expected, "the model is as it was"


def test_large_weights_are_parts_of_their_own_and_no_copies() -> None:
    weight = np.arange(LARGE, dtype=np.float32)
    (part,) = [part for part in chunks(model_of(a=weight)) if isinstance(part, memoryview)]
    assert np.shares_memory(np.frombuffer(part, np.uint8), weight)


def test_a_network_with_large_layers_is_written_as_protobuf_would(tmp_path: Path) -> None:
    net = chain(images(2, 3, 8, 8), first=conv(3, 4), act=relu(), flat=flatten(), last=nn.Linear(256, 2048))
    expected = whole(build(net, images(2, 3, 8, 8)))
    artifact = emit(net, tmp_path / "net.onnx", images(2, 3, 8, 8))
    assert artifact.path.read_bytes() == expected
    assert artifact.size_bytes == len(expected)
