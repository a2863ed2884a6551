"""A file's graph as operations: which inputs of a node are computed, and which are weights or other constants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import ml_dtypes
import numpy as np
import onnx_ir as ir

from ...spaces.errors import ParefrontError
from ...spaces.network.ops import plain_attributes
from .contents import Blocked, Contents, Reader, Slot, unpack
from .operators import ABSENT, BLOCKED, COMPUTED, LINEAR, OPERATORS
from .stored import RoundedWeight, SharedWeight, SparseWeight, StoredWeight

_NORM = {1: "weight", 2: "bias", 3: "running_mean", 4: "running_var"}
ROLES: dict[str, dict[int, str]] = {
    "BatchNormalization": _NORM,
    "Gather": {0: "weight"},
    "GroupNormalization": _NORM,
    "InstanceNormalization": _NORM,
    "LayerNormalization": _NORM,
    "MatMul": {0: "weight", 1: "weight"},
    "PRelu": {1: "weight"},
    **{name: {1: "weight", 2: "bias"} for name in ("Conv", "ConvTranspose", "Gemm", LINEAR, BLOCKED)},
}
"""What constant inputs of operators are called; of any other operator they are ``constant_N``."""
TRAINED = ("weight", "bias")


@dataclass(frozen=True, eq=False)
class Held:
    """A constant operand.

    Attributes:
        name: what the node calls it.
        value: an array, or the module that computes a stored weight.
        key: what an equal operand of another node has too, where the two are one; None for what is not trained.
        slot: where the file holds it.
    """

    name: str
    value: np.ndarray | StoredWeight
    key: tuple[str, ...] | None
    slot: Slot


@dataclass(frozen=True, eq=False)
class Operation:
    """What one node computes, or a MatMul and the Add behind it.

    Attributes:
        node: the (last) node.
        op_type: its operator.
        operands: what is computed by others, what is absent, and what is held.
        inputs: the values that are computed by others, in order.
    """

    node: ir.Node
    op_type: str
    operands: tuple[str | Held, ...]
    inputs: tuple[ir.Value, ...]
    attributes: dict[str, Any] = field(default_factory=dict)

    @property
    def held(self) -> list[Held]:
        return [operand for operand in self.operands if isinstance(operand, Held)]


def operations(graph: ir.Graph) -> list[Operation]:
    """The operations that the outputs depend on, in order; nodes that only unpack weights are none.

    Raises:
        ParefrontError: naming the operator and its node, where torch has no counterpart of it here.
    """
    return _Operations(graph).found()


class _Operations:
    def __init__(self, graph: ir.Graph) -> None:
        self.graph = graph
        self.reader = Reader(graph)
        self.stored: dict[tuple[str, ...], StoredWeight] = {}

    def found(self) -> list[Operation]:
        needed = {value.producer() for value in self.graph.outputs}
        made = []
        for node in reversed(list(self.graph)):
            if node in needed:
                operation = self._operation(node)
                made.append(operation)
                needed.update(value.producer() for value in operation.inputs)
        return made[::-1]

    def _operation(self, node: ir.Node) -> Operation:
        if node.domain not in ("", "ai.onnx", "com.microsoft") or node.op_type not in OPERATORS:
            domain = f"{node.domain}." if node.domain else ""
            raise ParefrontError(f"node {node.name!r}: the operator {domain}{node.op_type} has no counterpart in torch")
        if node.op_type == BLOCKED:
            return self._blocked(node)
        product = self._product(node)
        if product is not None:
            added = 1 if node.inputs[0] is not None and node.inputs[0].producer() is product else 0
            return self._made(node, LINEAR, [(product, 0), (product, 1), (node, added)], {})
        places = [(node, position) for position in range(len(node.inputs))]
        return self._made(node, node.op_type, places, plain_attributes(node))

    def _product(self, node: ir.Node) -> ir.Node | None:
        """The MatMul with a constant matrix to which an Add adds a bias; None for any other node."""
        if node.op_type != "Add":
            return None
        for position, value in enumerate(node.inputs):
            product = value.producer() if value is not None else None
            if value is None or product is None or product.op_type != "MatMul" or value.is_graph_output():
                continue
            bias, weight = self.reader.array(node, 1 - position), self._contents(product, 1)
            shape = _shape(weight) if weight is not None else ()
            if len(value.uses()) == 1 and len(shape) == 2 and bias is not None and bias.shape == shape[1:]:
                return product
        return None

    def _made(
        self, node: ir.Node, op_type: str, places: Sequence[tuple[ir.Node, int]], attributes: dict[str, Any]
    ) -> Operation:
        roles = ROLES.get(op_type, {})
        operands: list[str | Held] = []
        inputs = []
        weight: tuple[str, ...] = ()
        for index, (reader, position) in enumerate(places):
            value = reader.inputs[position]
            found = self._contents(reader, position, roles.get(index, f"constant_{index}"), weight)
            if value is None:
                operands.append(ABSENT)
            elif found is None:
                operands.append(COMPUTED)
                inputs.append(value)
            else:
                operands.append(found)
                weight = found.key or weight
        return Operation(node, op_type, tuple(operands), tuple(inputs), attributes)

    def _contents(
        self, node: ir.Node, position: int, name: str = "weight", weight: tuple[str, ...] = ()
    ) -> Held | None:
        """What an input of a node holds; ``weight`` is the key of the weight that a bias belongs to."""
        contents = self.reader.read(node, position)
        if contents is None:
            return self._rounded(node, position, name)
        if contents.table is not None or contents.mask is not None:
            if contents.array.dtype != np.float32:
                return None
            key = ("stored", *contents.sources)
            if key not in self.stored:
                shared = contents.table is not None
                self.stored[key] = SharedWeight(contents.table) if shared else SparseWeight(contents)  # type: ignore[arg-type]
            slot = contents.slot if contents.table is None else contents.table.slot
            return Held(name, self.stored[key], key, slot)
        trained = name in TRAINED and contents.array.dtype == np.float32
        # Vectors are in the file once where they are equal, as zero biases are: that does not make them one parameter.
        of = () if contents.array.ndim > 1 else weight or (str(node.name),)
        return Held(name, contents.array, ("plain", *contents.sources, *of) if trained else None, contents.slot)

    def _rounded(self, node: ir.Node, position: int, name: str) -> Held | None:
        """A weight that the file holds in integers, dequantised by a DequantizeLinear, or a Cast and a Mul."""
        value = node.inputs[position] if position < len(node.inputs) else None
        producer = value.producer() if value is not None else None
        while producer is not None and producer.op_type == "Identity" and producer.inputs[0] is not None:
            producer = producer.inputs[0].producer()
        if producer is None:
            return None
        zero: np.ndarray | None = None
        if producer.op_type == "DequantizeLinear":
            contents, scale, zero = self.reader.read(producer, 0), *(self.reader.array(producer, n) for n in (1, 2))
            if contents is None or scale is None or "block_size" in producer.attributes:
                return None
            scale, zero = (_along(given, contents.array, producer) for given in (scale, zero))
        elif producer.op_type == "Mul":
            cast = producer.inputs[0].producer() if producer.inputs[0] is not None else None
            contents = self.reader.read(cast, 0) if cast is not None and cast.op_type == "Cast" else None
            scale = self.reader.array(producer, 1)
        else:
            return None
        if contents is not None and contents.array.dtype == ml_dtypes.int4:
            contents = replace(contents, array=contents.array.astype(np.int8))
        if contents is None or scale is None or contents.array.dtype not in (np.int8, np.uint8, np.int32):
            return None
        names = [str(value.name) for value in producer.inputs[1:] if value is not None]
        key = ("stored", *contents.sources, *names)
        if key not in self.stored:
            self.stored[key] = RoundedWeight(contents, scale, 0 if zero is None else zero.astype(np.int32))
        return Held(name, self.stored[key], key, contents.slot)

    def _blocked(self, node: ir.Node) -> Operation:
        """ONNX Runtime's MatMulNBits as the emitter writes it: symmetric, no order of the groups."""
        attributes = plain_attributes(node)
        bits, block, rows, columns = (int(attributes[key]) for key in ("bits", "block_size", "N", "K"))
        packed, scale = self.reader.array(node, 1), self.reader.array(node, 2)
        others = [node.inputs[n] for n in (3, 4) if n < len(node.inputs)]
        if packed is None or scale is None or any(value is not None for value in others):
            raise ParefrontError(f"node {node.name!r}: MatMulNBits with zero points or an order of groups is not read")
        codes = unpack(packed.reshape(-1), bits).reshape(rows, -1)[:, :columns].astype(np.int16) - 2 ** (bits - 1)
        steps = np.repeat(scale.reshape(rows, -1), block, axis=1)[:, :columns]
        names = tuple(str(node.inputs[n].name) for n in (1, 2))  # type: ignore[union-attr]
        slot = self.reader.slot(node, 1)
        key = ("stored", *names)
        if key not in self.stored:
            contents = Contents(codes.astype(np.int8), Blocked(bits, block), slot, names)
            self.stored[key] = RoundedWeight(contents, steps)
        source = node.inputs[0]
        assert source is not None
        bias = self._contents(node, 5, "bias", key) if len(node.inputs) > 5 else None
        operands = (COMPUTED, Held("weight", self.stored[key], key, slot), bias or ABSENT)
        return Operation(node, BLOCKED, operands, (source,))


def _along(given: np.ndarray | None, codes: np.ndarray, node: ir.Node) -> np.ndarray | None:
    """A scale or zero point of one axis, or of all, broadcast to the integers."""
    if given is None or given.size == 1:
        return None if given is None else given.reshape(())
    shape = [1] * codes.ndim
    shape[node.attributes.get_int("axis", 1)] = -1
    return given.reshape(shape)


def _shape(held: Held) -> tuple[int, ...]:
    return tuple(held.value().shape) if isinstance(held.value, StoredWeight) else held.value.shape
