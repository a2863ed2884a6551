"""An ONNX file with its weights as plain initialisers: it loads where files may define no functions of their own."""

from __future__ import annotations

import onnx
import onnx_ir as ir

from ...spaces.network.folding import held, initializer
from ...spaces.network.packing import DOMAIN
from .contents import Reader


def is_packed(content: bytes) -> bool:
    """Whether weights of a file are computed when it is loaded, from fewer bytes."""
    return any(map(_unpacks, ir.traversal.RecursiveGraphIterator(_graph(content))))


def plain(content: bytes) -> bytes:
    """The file in which each packed weight is the array that it stands for; ``content`` itself where none is packed.

    Functions in the domain ``parefront`` and 4-bit integers behind a ``Cast`` are decoded. Equal files give equal
    bytes, and outputs are those of ``content``, bit for bit.
    """
    model = ir.from_proto(onnx.ModelProto.FromString(content))
    nodes = list(ir.traversal.RecursiveGraphIterator(model.graph))
    decoders = [node for node in nodes if _unpacks(node)]
    if not decoders:
        return content
    reader = Reader(nodes)
    for node in decoders:
        contents = reader.produced(node)
        if contents is None:
            continue
        graph = node.graph
        assert isinstance(graph, ir.Graph)
        (output,) = node.outputs
        value = initializer(f"{output.name}", contents.array)
        ir.convenience.replace_all_uses_with(output, value)
        output.name = f"{value.name}_packed"
        graph.register_initializer(value)
    _remove_unread(model, decoders)
    return bytes(ir.to_proto(model).SerializeToString(deterministic=True))


def _unpacks(node: ir.Node) -> bool:
    """Whether a node makes a weight of a packed one."""
    if node.domain == DOMAIN:
        return True
    source = node.inputs[0] if node.op_type == "Cast" and node.inputs else None
    array = None if source is None else held(source)
    return array is not None and array.dtype.name == "int4"


def _remove_unread(model: ir.Model, decoders: list[ir.Node]) -> None:
    """Remove the nodes that nobody reads, their initialisers, and the functions of those that are gone."""
    for node in reversed(decoders):
        graph = node.graph
        if not isinstance(graph, ir.Graph) or any(output.uses() for output in node.outputs):
            continue
        sources = [value for value in node.inputs if value is not None]
        graph.remove(node, safe=True)
        for value in sources:
            if not value.uses() and value.is_initializer() and not value.is_graph_output():
                owner = value.graph
                assert isinstance(owner, ir.Graph)
                owner.initializers.pop(str(value.name), None)
    left = list(ir.traversal.RecursiveGraphIterator(model.graph))
    if any(node.domain == DOMAIN for node in left):
        return
    for key in [key for key in model.functions if key[0] == DOMAIN]:
        del model.functions[key]
    model.opset_imports.pop(DOMAIN, None)


def _graph(content: bytes) -> ir.Graph:
    model: ir.Model = ir.from_proto(onnx.ModelProto.FromString(content))
    return model.graph
