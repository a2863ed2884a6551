"""A file without ONNX Runtime's own operators: linear layers with integer weights become linear layers of floats."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import onnx
from onnx import helper, numpy_helper

from .contents import unpack

OPERATOR, DOMAIN = "MatMulNBits", "com.microsoft"


def standard(content: bytes) -> bytes:
    """The file in which each ``MatMulNBits`` is a ``Gemm`` of the floats that its integers stand for.

    Its outputs differ in the last bits, as sums are taken in another order. ``content`` itself where there is none.
    """
    model = onnx.ModelProto.FromString(content)
    found = [(graph, node) for graph in _graphs(model.graph) for node in graph.node if _is_ours(node)]
    if not found:
        return content
    stored = {tensor.name: tensor for graph in _graphs(model.graph) for tensor in graph.initializer}
    for graph, node in found:
        weight = f"{node.name or node.output[0]}_weight"
        graph.initializer.append(numpy_helper.from_array(_weight(node, stored), weight))
        bias = list(node.input[5:6])
        node.CopyFrom(helper.make_node("Gemm", [node.input[0], weight, *bias], list(node.output), node.name, transB=1))
    read = {name for graph in _graphs(model.graph) for node in graph.node for name in node.input}
    for graph in _graphs(model.graph):
        for tensor in [t for t in graph.initializer if t.name not in read]:
            graph.initializer.remove(tensor)
    if all(node.domain != DOMAIN for graph in _graphs(model.graph) for node in graph.node):
        for imported in [o for o in model.opset_import if o.domain == DOMAIN]:
            model.opset_import.remove(imported)
    return bytes(model.SerializeToString(deterministic=True))


def _is_ours(node: onnx.NodeProto) -> bool:
    """Whether it is one that a compressor has emitted: without zero points, its inputs in their order."""
    return (node.op_type, node.domain) == (OPERATOR, DOMAIN) and not any(node.input[3:5])


def _weight(node: onnx.NodeProto, stored: dict[str, onnx.TensorProto]) -> np.ndarray:
    """The floats of shape ``(N, K)``."""
    sizes = {attribute.name: attribute.i for attribute in node.attribute}
    rows, columns, bits, block = (sizes[name] for name in ("N", "K", "bits", "block_size"))
    packed, scale = (numpy_helper.to_array(stored[name]) for name in node.input[1:3])
    codes = unpack(packed.reshape(-1), bits)[: rows * (packed.size // rows) * 8 // bits].reshape(rows, -1, block)
    floats = (codes.astype(np.float32) - 2 ** (bits - 1)) * scale.reshape(rows, -1, 1)
    return np.ascontiguousarray(floats.reshape(rows, -1)[:, :columns])


def _graphs(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    """A graph and those in its branches."""
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            for inner in (*((attribute.g,) if attribute.HasField("g") else ()), *attribute.graphs):
                yield from _graphs(inner)
