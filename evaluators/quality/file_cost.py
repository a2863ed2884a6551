"""The multiply-accumulates of an ONNX file, counted from the file alone, as :mod:`.cost` counts those of a network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import prod

import onnx
from google.protobuf.message import DecodeError

from ..restore.plain import plain
from ..restore.standard import standard

CHANNELS, FEATURES = 1, -1
"""The axis of an output that holds what the weight computes: of convolutions, and of linear layers."""
_WEIGHTED: Mapping[str, tuple[int, int]] = {
    "Conv": (1, CHANNELS),
    "ConvInteger": (1, CHANNELS),
    "QLinearConv": (3, CHANNELS),
    "Gemm": (1, FEATURES),
    "MatMul": (1, FEATURES),
    "MatMulInteger": (1, FEATURES),
    "QLinearMatMul": (3, FEATURES),
}
"""Operators that are counted: which input is the weight, and that axis."""
_UNCOUNTED = frozenset({"ConvTranspose", "DeformConv", "Einsum", "GRU", "If", "Loop", "LSTM", "RNN", "Scan"})
"""Operators whose multiplications are not told here."""
_STANDARD = frozenset({"", "ai.onnx"})


def macs_of_file(content: bytes) -> int | None:
    """The MACs of all convolutions and linear layers for one sample; lower is better.

    None where they cannot be told: of operators of other domains, of loops and branches, of recurrent layers, and of
    layers whose shapes the file leaves open.

    Args:
        content: an ONNX model, whose inputs have the samples along their first axis.
    """
    model = onnx.ModelProto.FromString(standard(plain(content)))
    nodes = model.graph.node
    if any(node.domain not in _STANDARD or node.op_type in _UNCOUNTED for node in nodes):
        return None
    batch = _one_sample(model)
    constant = _constants(model.graph)
    try:
        shapes = dict(_shapes(onnx.shape_inference.infer_shapes(model, data_prop=True).graph))
    except (onnx.shape_inference.InferenceError, DecodeError):
        return None
    total = 0
    for node in nodes:
        position, axis = _WEIGHTED.get(node.op_type, (0, 0))
        if not axis or not {node.input[0], node.input[position]} & constant:
            continue
        weight, output = shapes.get(node.input[position]), shapes.get(node.output[0])
        if node.input[position] not in constant or not weight or not output or (axis == FEATURES and len(weight) != 2):
            return None
        total += prod(output) // output[axis] * prod(weight)
    return total // batch


def _one_sample(model: onnx.ModelProto) -> int:
    """Fix the first axis of all inputs at one sample, where it is free; the samples that it has else."""
    held, sizes = {tensor.name for tensor in model.graph.initializer}, [1]
    for value in model.graph.input:
        if value.name not in held and (axes := value.type.tensor_type.shape.dim):
            if not axes[0].HasField("dim_value"):
                axes[0].dim_value = 1
            sizes.append(axes[0].dim_value)
    del model.graph.value_info[:]  # which may call the first axis by a name
    for value in model.graph.output:
        value.type.tensor_type.ClearField("shape")
    return max(1, *sizes)


def _constants(graph: onnx.GraphProto) -> set[str]:
    """The values that do not depend on the inputs; nodes stand behind those that they read."""
    found = {tensor.name for tensor in graph.initializer}
    for node in graph.node:
        if all(name in found for name in node.input if name):
            found.update(node.output)
    return found


def _shapes(graph: onnx.GraphProto) -> Iterator[tuple[str, tuple[int, ...]]]:
    """The shapes that are known in full."""
    for tensor in graph.initializer:
        yield tensor.name, tuple(tensor.dims)
    for value in (*graph.input, *graph.value_info, *graph.output):
        axes = value.type.tensor_type.shape.dim
        if axes and all(axis.HasField("dim_value") for axis in axes):
            yield value.name, tuple(axis.dim_value for axis in axes)
