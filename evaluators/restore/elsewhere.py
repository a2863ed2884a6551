"""Whether a model keeps anything in other files: no file that an ONNX file names is opened, since it could be any."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from onnx import GraphProto, ModelProto, NodeProto, TensorProto


def keeps_data_elsewhere(model: ModelProto) -> bool:
    """Whether an initialiser, a constant, or a tensor of a branch or a function of the model lies in another file."""
    tensors = [*_of_graph(model.graph), *(t for function in model.functions for t in _of_nodes(function.node))]
    return any(tensor.data_location == TensorProto.EXTERNAL or tensor.external_data for tensor in tensors)


def _of_graph(graph: GraphProto) -> Iterator[TensorProto]:
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    yield from _of_nodes(graph.node)


def _of_nodes(nodes: Iterable[NodeProto]) -> Iterator[TensorProto]:
    for attribute in (attribute for node in nodes for attribute in node.attribute):
        yield from (attribute.t, *attribute.tensors)
        for sparse in (attribute.sparse_tensor, *attribute.sparse_tensors):
            yield from (sparse.values, sparse.indices)
        for graph in (attribute.g, *attribute.graphs):
            yield from _of_graph(graph)
