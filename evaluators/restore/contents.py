"""The array that an input of a node always is: plain, or packed into fewer bytes; and how another one takes its place.

What is read here is what ``spaces/network/packing.py`` and ONNX Runtime's ``MatMulNBits`` write.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple

import ml_dtypes
import numpy as np
import onnx_ir as ir

from ...spaces.network.folding import held
from ...spaces.network.packing import DOMAIN, pack


class Slot(NamedTuple):
    """An input of a node, which an initialiser fills.

    Attributes:
        node: its place in the graph's order, where what stands in a branch stands among the others, as
            :func:`~parefront.spaces.network.branches.flat_nodes` has it.
        position: of the input.
    """

    node: int
    position: int


class Code(ABC):
    """How an array lies in the one initialiser of it that may change; nothing of an array is lost."""

    @abstractmethod
    def encode(self, array: np.ndarray) -> np.ndarray:
        """The initialiser of ``array``, whose values are among those that the code can express."""


@dataclass(frozen=True)
class Plain(Code):
    """As it is, in another type where the initialiser has one."""

    dtype: np.dtype

    def encode(self, array: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(array, dtype=self.dtype)


@dataclass(frozen=True, eq=False)
class Indexed(Code):
    """Indices of ``bits`` bits into ascending ``values``."""

    bits: int
    values: np.ndarray

    def encode(self, array: np.ndarray) -> np.ndarray:
        return pack(np.searchsorted(self.values, array.reshape(-1)).astype(np.uint8), self.bits)


@dataclass(frozen=True, eq=False)
class Spread(Code):
    """Those values alone where ``mask`` is set, behind one zero."""

    mask: np.ndarray
    kept: Code

    def encode(self, array: np.ndarray) -> np.ndarray:
        chosen = array[self.mask]
        return self.kept.encode(np.concatenate([np.zeros(1, chosen.dtype), chosen]))


@dataclass(frozen=True)
class Blocked(Code):
    """Integers of ``MatMulNBits``, shape ``(N, K)``: ``bits`` each, shifted to be positive, in blocks of a row."""

    bits: int
    block: int

    def encode(self, array: np.ndarray) -> np.ndarray:
        rows, columns = array.shape
        blocks = -(-columns // self.block)
        padded = np.zeros((rows, blocks * self.block), np.int16)
        padded[:, :columns] = array
        return pack((padded + 2 ** (self.bits - 1)).reshape(-1).astype(np.uint8), self.bits).reshape(rows, blocks, -1)


@dataclass(frozen=True, eq=False)
class Table:
    """An array whose elements are ``values[indices]``; the values are an initialiser of their own."""

    values: np.ndarray
    indices: np.ndarray
    slot: Slot


@dataclass(frozen=True, eq=False)
class Contents:
    """A constant input of a node.

    Attributes:
        array: what the node reads.
        code: how the array lies in the file.
        slot: where the initialiser is read that holds the array, or the indices of its elements.
        mask: which elements can be something else than zero; None where all can.
        table: where the array is one of a few values each, these.
        sources: the names of all initialisers that it is made of.
    """

    array: np.ndarray
    code: Code
    slot: Slot
    sources: tuple[str, ...]
    mask: np.ndarray | None = None
    table: Table | None = None


class Reader:
    """Reads the constant inputs of a graph's nodes."""

    def __init__(self, nodes: Iterable[ir.Node]) -> None:
        self._index = {node: index for index, node in enumerate(nodes)}

    def slot(self, node: ir.Node, position: int) -> Slot:
        return Slot(self._index[node], position)

    def read(self, node: ir.Node, position: int) -> Contents | None:
        """What the input of a node always is; None for what is computed, or is made of constants in another way."""
        value = node.inputs[position] if position < len(node.inputs) else None
        if value is None:
            return None
        array = held(value)
        if array is not None:
            return Contents(array, Plain(array.dtype), self.slot(node, position), (str(value.name),))
        producer = value.producer()
        return None if producer is None else self.produced(producer)

    def produced(self, producer: ir.Node) -> Contents | None:
        """What a node always gives, as :meth:`read`."""
        if producer.op_type == "Identity":
            return self.read(producer, 0)
        if producer.domain == DOMAIN:
            return self._spread(producer) if producer.op_type == "Spread" else self._unpacked(producer)
        if producer.op_type == "Cast" and producer.attributes.get_int("to", 0) == int(ir.DataType.INT8):
            inner = self.read(producer, 0)
            narrow = inner is not None and inner.array.dtype == ml_dtypes.int4
            return replace(inner, array=inner.array.astype(np.int8)) if inner is not None and narrow else None
        return None

    def array(self, node: ir.Node, position: int) -> np.ndarray | None:
        """The plain constant at an input, or None."""
        value = node.inputs[position] if position < len(node.inputs) else None
        return None if value is None else held(value)

    def _unpacked(self, node: ir.Node) -> Contents | None:
        packed, values, shape = (self.array(node, position) for position in range(3))
        if packed is None or values is None or shape is None:
            return None
        bits = int(node.op_type.removeprefix("Unpack"))
        indices = unpack(packed, bits)[: int(np.prod(shape))].reshape(shape)
        names = tuple(str(value.name) for value in node.inputs if value is not None)
        table = Table(values, indices, self.slot(node, 1))
        return Contents(values[indices], Indexed(bits, values), self.slot(node, 0), names, table=table)

    def _spread(self, node: ir.Node) -> Contents | None:
        bits, shape, kept = self.array(node, 0), self.array(node, 2), self.read(node, 1)
        if bits is None or shape is None or kept is None:
            return None
        mask = unpack(bits, 1)[: int(np.prod(shape))].reshape(shape).astype(bool)
        array, table = np.zeros(mask.shape, kept.array.dtype), None
        array[mask] = kept.array[1:]
        if kept.table is not None:
            indices = np.full(mask.shape, kept.table.indices[0])  # the first of those kept is the zero
            indices[mask] = kept.table.indices[1:]
            table = replace(kept.table, indices=indices)
        names = (str(node.inputs[0].name), *kept.sources) if node.inputs[0] is not None else kept.sources
        return Contents(array, Spread(mask, kept.code), kept.slot, names, mask, table)


def unpack(packed: np.ndarray, bits: int) -> np.ndarray:
    """What :func:`~parefront.spaces.network.packing.pack` was given, and what fills the last byte; uint8, flat."""
    if bits == 3:
        planes = np.unpackbits(packed, bitorder="little").reshape(-1, 3, 8)
        return np.asarray((planes << np.arange(3, dtype=np.uint8).reshape(-1, 1)).sum(1).reshape(-1), np.uint8)
    shifts = np.arange(0, 8, bits, dtype=np.uint8)
    found = packed.reshape(-1, 1) >> shifts & np.uint8(2**bits - 1)
    return np.asarray(found.reshape(-1), np.uint8)
