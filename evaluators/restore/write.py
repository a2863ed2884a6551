"""Trained weights put in the places of a file's initialisers; all else stays as it is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import onnx
import onnx_ir as ir

from ...spaces.network.branches import flat_nodes
from ...spaces.network.folding import held, initializer
from .contents import Slot


def written(source: bytes, changes: Iterable[tuple[Sequence[Slot], np.ndarray]]) -> bytes:
    """The ONNX file ``source`` with other initialisers; ``source`` itself, byte for byte, where none is another one.

    An initialiser that other nodes read too, since it was equal there, is left to them.

    Args:
        changes: the inputs of nodes that one initialiser fills, and the array that it shall be; of its type and shape.
    """
    model = ir.from_proto(onnx.ModelProto.FromString(source))
    nodes = list(flat_nodes(model.graph))
    changed = False
    for slots, array in changes:
        before = nodes[slots[0].node].inputs[slots[0].position]
        assert before is not None
        known = held(before)
        assert known is not None
        if known.dtype == array.dtype and known.shape == array.shape and known.tobytes() == array.tobytes():
            continue
        changed = True
        readers = {(nodes[slot.node], slot.position) for slot in slots}
        if before.producer() is None and {(use.node, use.idx) for use in before.uses()} == readers:
            before.const_value = ir.Tensor(np.ascontiguousarray(array), name=before.name)
            continue
        graphs = dict.fromkeys(node.graph for node in nodes if isinstance(node.graph, ir.Graph))
        value = initializer(_free(graphs, str(before.name)), array)
        owners = {node.graph for node, _ in readers}
        owner = owners.pop() if len(owners) == 1 else model.graph
        assert isinstance(owner, ir.Graph)
        owner.register_initializer(value)
        for node, position in readers:
            node.replace_input_with(position, value)
    return bytes(ir.to_proto(model).SerializeToString(deterministic=True)) if changed else source


def _free(graphs: Iterable[ir.Graph], name: str) -> str:
    """A name like ``name`` that no initialiser has."""
    number = 2
    while any(f"{name}_{number}" in graph.initializers for graph in graphs):
        number += 1
    return f"{name}_{number}"
