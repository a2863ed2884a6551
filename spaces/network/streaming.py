"""An ONNX model as a stream of bytes: the weights go from where they lie into the file, and are nowhere in between."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir

from ..wire import field_head

Chunk = bytes | memoryview

INLINE_BYTES = 1 << 20
"""Initialisers of fewer bytes are in the message as it is made; the others are put into it when it is written."""
_GRAPH, _INITIALIZER, _RAW_DATA = 7, 5, 9
"""Numbers of the fields that hold one another (onnx.proto), each of a length and so many bytes."""


def chunks(model: ir.Model) -> Iterator[Chunk]:
    """The bytes of ``ir.to_proto(model).SerializeToString(deterministic=True)`` part by part, in order.

    What a message holds is written in the order of the fields' numbers, as protobuf does it.
    """
    large = {name: value for name, value in model.graph.initializers.items() if _is_large(value)}
    if not large:
        yield bytes(ir.to_proto(model).SerializeToString(deterministic=True))
        return
    proto = _without_arrays(model, large)
    before, graph, behind = _around(proto, "graph", _GRAPH)
    graph_before, _, graph_behind = _around(graph, "initializer", _INITIALIZER)
    tensors = [_tensor(held, large.get(held.name)) for held in graph.initializer]
    inside = len(graph_before) + sum(_size_of_field(_INITIALIZER, _length(parts)) for parts in tensors)
    yield before
    yield field_head(_GRAPH, inside + len(graph_behind))
    yield graph_before
    for parts in tensors:
        yield field_head(_INITIALIZER, _length(parts))
        yield from parts
    yield graph_behind
    yield behind


def _is_large(value: ir.Value) -> bool:
    held = value.const_value
    return isinstance(held, ir.Tensor) and held.nbytes >= INLINE_BYTES and held.dtype.itemsize >= 1


def _without_arrays(model: ir.Model, large: Mapping[str, ir.Value]) -> onnx.ModelProto:
    """The model's message, in which large initialisers have a name, a type and a shape, and no data."""
    held = {name: value.const_value for name, value in large.items()}
    try:
        for name, value in large.items():
            value.const_value = _Empty(held[name])
        return ir.to_proto(model)
    finally:
        for name, value in large.items():
            value.const_value = held[name]


class _Empty(ir.Tensor[np.ndarray]):
    """A tensor like another one, whose bytes are left out of messages."""

    def __init__(self, like: Any) -> None:
        super().__init__(like.raw, dtype=like.dtype, shape=like.shape, name=like.name, doc_string=like.doc_string)

    def tobytes(self) -> bytes:
        return b""


def _around(proto: Any, name: str, number: int) -> tuple[bytes, Any, bytes]:
    """What is written of a message before a field and behind it, and the field."""
    before, behind = type(proto)(), type(proto)()
    for descriptor, value in proto.ListFields():
        if descriptor.number != number:
            _take(before if descriptor.number < number else behind, descriptor.name, value)
    serialized = [part.SerializeToString(deterministic=True) for part in (before, behind)]
    return serialized[0], getattr(proto, name), serialized[1]


def _take(message: Any, name: str, value: Any) -> None:
    field = getattr(message, name)
    if hasattr(field, "extend"):
        field.extend(value)
    elif hasattr(field, "CopyFrom"):
        field.CopyFrom(value)
    else:
        setattr(message, name, value)


def _tensor(proto: onnx.TensorProto, value: ir.Value | None) -> list[Chunk]:
    """The parts of an initialiser's message."""
    if value is None or value.const_value is None:
        return [proto.SerializeToString(deterministic=True)]
    proto.ClearField("raw_data")
    before, _, behind = _around(proto, "raw_data", _RAW_DATA)
    data = _bytes_of(np.ascontiguousarray(value.const_value.numpy()))
    return [before, field_head(_RAW_DATA, len(data)), data, behind]


def _bytes_of(array: np.ndarray) -> Chunk:
    little = array if sys.byteorder == "little" else array.byteswap()  # ONNX's order
    return memoryview(little.reshape(-1).view(np.uint8).data)


def _length(parts: list[Chunk]) -> int:
    return sum(map(len, parts))


def _size_of_field(number: int, length: int) -> int:
    return len(field_head(number, length)) + length
