"""What depends on parameters alone, computed once: a normalised weight is a weight, and its layer is a layer."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir
import torch
from torch import Tensor

from ..tensors.one_thread import one_thread
from .ops import TORCH, Op

GROWTH = 2
"""What has more elements than this many times those it is computed from is left to be computed: it would be stored."""
KEPT = frozenset({"Constant", "Transpose"})
"""Not computed: a constant is one, and the exporter's own passes know what a transposed weight is."""


@one_thread()
def fold_parameters(graph: ir.Graph) -> None:
    """Replace every node whose inputs are initialisers and constants by what it gives, in place.

    Weight norm, spectral norm and weight standardisation are made of such nodes, as the exporter writes them out.
    """
    for node in list(graph):
        if node.op_type == "Identity" and node.inputs[0] is not None and held(node.inputs[0]) is not None:
            outputs: list[ir.Value] = [node.inputs[0]]
        else:
            outputs = [
                initializer(f"{output.name}_folded", array)
                for output, array in zip(node.outputs, _computed(node), strict=False)
            ]
        if not outputs or any(output.is_graph_output() for output in node.outputs):
            continue
        for before, after in zip(node.outputs, outputs, strict=True):
            ir.convenience.replace_all_uses_with(before, after)
            if after.producer() is None and after.name not in graph.initializers:
                graph.register_initializer(after)
        graph.remove(node, safe=True)


def held(value: ir.Value) -> np.ndarray | None:
    """The array that a value always is: an initialiser's or a Constant node's, or None for what is computed."""
    if value.const_value is not None:
        return np.asarray(value.const_value.numpy())
    found = ir.convenience.get_const_tensor(value)
    return None if found is None else np.asarray(found.numpy())


def _computed(node: ir.Node) -> list[np.ndarray]:
    """The outputs of a node; none where an input is not constant or much more would be stored than before."""
    if node.domain or node.op_type in KEPT or node.op_type not in TORCH or not node.inputs:
        return []
    inputs = [None if value is None else held(value) for value in node.inputs]
    if any(value is not None and array is None for value, array in zip(node.inputs, inputs, strict=True)):
        return []
    constants = {n: torch.from_numpy(np.array(array)) for n, array in enumerate(inputs) if array is not None}
    absent = [position for position, array in enumerate(inputs) if array is None]
    attributes: dict[str, Any] = {name: attribute.value for name, attribute in node.attributes.items()}
    op = Op(node.op_type, attributes, constants, len(inputs), absent, len(node.outputs))
    with torch.no_grad():
        result = op()
    tensors: list[Tensor] = list(result) if len(node.outputs) > 1 else [result]
    stored = sum(tensor.numel() for tensor in constants.values())
    return [] if sum(tensor.numel() for tensor in tensors) > GROWTH * stored else [t.numpy() for t in tensors]


def initializer(name: str, array: np.ndarray) -> ir.Value:
    """A value that is always ``array``; not yet in a graph."""
    tensor = ir.Tensor(np.ascontiguousarray(array), name=name)
    return ir.Value(name=name, shape=ir.Shape(array.shape), type=ir.TensorType(tensor.dtype), const_value=tensor)
