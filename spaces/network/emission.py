"""Writing ONNX: a builder, and the base class of modules that know how they are written."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx.parser
import onnx_ir as ir
from torch import nn

from .layers import SequenceLinear, conv_attributes

PART = 1 << 20
"""Elements that are compared at once."""


@dataclass(frozen=True, eq=False)
class Either:
    """A value of which each row is that of one of two others.

    Attributes:
        chosen: that value.
        one: which it is in some rows.
        all_rows: whether it is in all of them, a scalar.
    """

    chosen: ir.Value
    one: ir.Value
    all_rows: ir.Value


class Builder:
    """Collects the nodes and initialisers of one artefact, named after its layers: equal nets give equal bytes.

    Arrays of one type, shape and content are one initialiser, named after the layer that comes first, so that what a
    network shares is in the file once.
    """

    def __init__(self) -> None:
        self.nodes: list[ir.Node] = []
        self.initializers: dict[str, ir.Value] = {}
        self.functions: dict[str, ir.Function] = {}
        self.eithers: list[Either] = []
        self.scope = ""
        self._held: dict[tuple[Any, ...], list[tuple[np.ndarray, ir.Value]]] = {}

    def constant(self, name: str, array: np.ndarray) -> ir.Value:
        """An initialiser ``<layer>.<name>``."""
        full = f"{self.scope}.{name}"
        if full in self.initializers:
            return self.initializers[full]
        array = np.asarray(array, order="C")
        alike = self._held.setdefault((array.dtype, array.shape, array.reshape(-1)[:16].tobytes()), [])
        for held, value in alike:
            if _same_bytes(held, array):
                return value
        value = self._initializer(full, array)
        alike.append((array, value))
        return value

    def scalar(self, suffix: str, array: np.ndarray) -> ir.Value:
        """An initialiser ``<layer><suffix>`` of its own, whatever others hold: one that may be changed in the file."""
        return self._initializer(f"{self.scope}{suffix}", array)

    def _initializer(self, full: str, array: np.ndarray) -> ir.Value:
        tensor = ir.Tensor(array, name=full)
        value = ir.Value(name=full, shape=ir.Shape(array.shape), type=ir.TensorType(tensor.dtype), const_value=tensor)
        self.initializers[full] = value
        return value

    def node(
        self,
        op_type: str,
        inputs: Sequence[ir.Value | None],
        attributes: Mapping[str, Any] | None = None,
        *,
        outputs: int = 1,
        domain: str = "",
        suffix: str = "",
    ) -> list[ir.Value]:
        """A node ``<layer><suffix>``; returns its outputs."""
        name = f"{self.scope}{suffix}"
        held = [_attribute(key, value) for key, value in (attributes or {}).items()]
        node = ir.Node(domain, op_type, inputs, held, num_outputs=outputs, name=name)
        for index, output in enumerate(node.outputs):
            output.name = f"{name}:{index}" if index else f"{name}:out"
        self.nodes.append(node)
        return list(node.outputs)

    def either(
        self, rows: ir.Value, all_rows: ir.Value, one: ir.Value | None, other: ir.Value | None
    ) -> list[ir.Value]:
        """``one`` in the ``rows`` that are set, ``(n, 1)``, ``other`` in the rest; both are floats ``(n, …)``.

        What only ``other`` needs will not be run where ``all_rows`` is true, see :mod:`.branches`.
        """
        chosen = self.node("Where", [rows, one, other])
        assert one is not None
        self.eithers.append(Either(chosen[0], one, all_rows))
        return chosen

    def function(self, text: str) -> None:
        """Have the artefact define an ONNX function, in ONNX's text syntax; the same one any number of times."""
        if text not in self.functions:
            self.functions[text] = ir.serde.deserialize_function(onnx.parser.parse_function(text))


def _same_bytes(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two arrays of one type and shape hold the same bytes; part by part, so that none of them is copied."""
    flat = one.reshape(-1), other.reshape(-1)
    return all(
        flat[0][start : start + PART].tobytes() == flat[1][start : start + PART].tobytes()
        for start in range(0, one.size, PART)
    )


def _attribute(name: str, value: Any) -> ir.Attr:
    """As ``ir.convenience.convert_attribute``, which takes 0.1 ms for each: too long for the hundreds of a network."""
    if type(value) is int:
        return ir.AttrInt64(name, value)
    if type(value) is float:
        return ir.AttrFloat32(name, value)
    if type(value) in (list, tuple) and value and all(type(item) is int for item in value):
        return ir.AttrInt64s(name, value)
    return ir.convenience.convert_attribute(name, value)


def layer_node(
    builder: Builder, layer: nn.Module, source: ir.Value | None, weight: ir.Value, bias: ir.Value | None
) -> list[ir.Value]:
    """The nodes of a convolution or linear layer with weights that are held in any form.

    Gemm needs a matrix; for inputs of higher rank a MatMul and an Add, and ``weight`` transposed.
    """
    constants = [weight] if bias is None else [weight, bias]
    if isinstance(layer, SequenceLinear):
        product = builder.node("MatMul", [source, weight], suffix=".matmul")
        return product if bias is None else builder.node("Add", [*product, bias])
    if isinstance(layer, nn.Linear):
        return builder.node("Gemm", [source, *constants], {"transB": 1})
    assert isinstance(layer, nn.Conv1d | nn.Conv2d | nn.Conv3d)
    return builder.node("Conv", [source, *constants], conv_attributes(layer))


class Emittable(nn.Module, ABC):
    """A module that writes itself: what a compressor leaves behind beyond torch's own layers."""

    @abstractmethod
    def emit(self, builder: Builder, inputs: Sequence[ir.Value | None]) -> list[ir.Value]:
        """Add this module's nodes, reading ``inputs``; return its outputs. Must compute what ``forward`` computes."""
