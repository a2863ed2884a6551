"""Values of the ONNX graph as tensors of the file that is written: in which order of axes, and of which type, they lie.

ONNX keeps channels before rows and columns, LiteRT's layers compute with channels last. A value is therefore held in
either order or in both: what reads it names the order it wants, and a transposition is written where that is missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np

from .flatbuffer import FlatBuffer, Quantization
from .source import FREE, Array, Node, Shape, Source

TYPES = {"float32": "float32", "int8": "int8", "uint8": "int8", "int32": "int32", "int64": "int64", "bool": "bool"}
"""What a tensor of NumPy's type is held as; unsigned integers of activations are shifted."""
SHIFT = 128
"""From unsigned integers of 8 bits to signed ones."""


class Order(Enum):
    """Of a value's axes: as the ONNX file has them, or with channels last."""

    PLAIN = "as they are"
    LAST = "channels last"


@dataclass(frozen=True, eq=False)
class Step:
    """What one operator is to compute.

    Attributes:
        node: in the ONNX graph, whose name and attributes are told of it.
        inputs: names of the values that it reads; of what is computed in integers those before they are dequantised.
        output: name of the value that it gives, which may be that of an activation or quantisation behind the node.
        activation: that is fused into it, by LiteRT's name.
        integers: whether it is computed in 8-bit integers.
    """

    node: Node
    inputs: tuple[str, ...]
    output: str
    activation: str = "NONE"
    integers: bool = False

    def attribute(self, name: str, default: Any = None) -> Any:
        return self.node.attributes.get(name, default)


class Lowering:
    """The state of one translation.

    Args:
        source: what is read.
        schema: LiteRT's, see :class:`FlatBuffer`.
    """

    def __init__(self, source: Source, schema: Any) -> None:
        self.source, self.file, self.schema = source, FlatBuffer(schema), schema
        self.integers: dict[str, str] = {}
        """By the name of a float value, the integers that it is dequantised from."""
        self._shapes: dict[str, Shape] = {}
        self._like: dict[str, str] = {}
        self._quantizations: dict[str, Quantization] = {}
        self._held: dict[tuple[str, Order], int] = {}
        for name in source.inputs:
            self.give(name, Order.PLAIN)

    # --- what is known of values

    def shape(self, name: str, order: Order = Order.PLAIN) -> Shape:
        """For a batch of one."""
        found = self._shapes.get(name, self.source.shapes.get(name))
        if found is None or FREE in found:
            raise ValueError(f"the shape of {name} is not known")
        return found if order is Order.PLAIN else (found[0], *found[2:], found[1])

    def quantization(self, name: str) -> Quantization | None:
        """What the integers of a value stand for."""
        return self._quantizations.get(name)

    def order(self, *names: str) -> Order:
        """The order in which values of four axes are at hand: channels last, where any of them is so alone."""
        computed = [name for name in names if not self.source.is_constant(name)]
        if any(len(self.shape(name)) != 4 for name in computed):
            return Order.PLAIN
        last = any(self._is_only_last(name) for name in computed)
        return Order.LAST if last else Order.PLAIN

    def lies_alike(self, name: str) -> bool:
        """Whether the numbers of a value follow each other in the same way in both orders."""
        shape = self.shape(name)
        return len(shape) != 4 or shape[1] == 1 or shape[2] == shape[3] == 1

    def _is_only_last(self, name: str) -> bool:
        base = self.integers.get(name, name)
        return (base, Order.LAST) in self._held and (base, Order.PLAIN) not in self._held

    # --- tensors

    def read(self, name: str, order: Order = Order.PLAIN) -> int:
        """The tensor of a value in an order of axes; what is needed for that is written first."""
        key = (name, order)
        if key in self._held:
            return self._held[key]
        if self.source.is_constant(name):
            return self.constant(name, self._ordered(self.source.floats(name), order))
        other = Order.PLAIN if order is Order.LAST else Order.LAST
        if name in self.integers and (name, other) not in self._held:
            base = self.integers[name]
            near = order if len(self.shape(name)) != 4 else self.order(base)
            self.operator("DEQUANTIZE", [self.read(base, near)], [self.give(name, near)], "DequantizeOptions")
            return self.read(name, order)
        if (name, other) not in self._held:
            raise ValueError(f"{name} is read before it is computed")
        source, made = self._held[name, other], self.give(name, order)
        if self.lies_alike(name):
            self.reshape(source, made, self.shape(name, order), free=self.free(name)[:1] == (FREE,))
        else:
            turned = [0, 2, 3, 1] if order is Order.LAST else [0, 3, 1, 2]
            self.operator("TRANSPOSE", [source, self.constant("perm", np.array(turned, np.int32))], [made])
        return made

    def any_order(self, name: str) -> int:
        """The tensor of a value whose numbers lie alike in both orders, or in the plain one."""
        if self.lies_alike(name) and (name, Order.LAST) in self._held:
            return self._held[name, Order.LAST]
        return self.read(name)

    def give(self, name: str, order: Order = Order.PLAIN) -> int:
        """The tensor that a value is written to."""
        told = name if order is Order.PLAIN else f"{name} {order.value}"
        made = self.temporary(told, self.shape(name, order), self.dtype(name), self.quantization(name))
        self._held[name, order] = made
        return made

    def temporary(
        self, name: str, shape: Sequence[int], dtype: str = "float32", quantization: Quantization | None = None
    ) -> int:
        """A tensor between two operators of one step."""
        return self.file.tensor(name, shape, dtype, quantization)

    def constant(self, name: str, array: Array, quantization: Quantization | None = None) -> int:
        """A constant; floats of other widths become float32."""
        kept = array.astype(np.float32) if array.dtype.kind == "f" else array
        return self.file.tensor(
            name, kept.shape, TYPES[kept.dtype.name], quantization, np.array(kept, order="C", copy=None)
        )

    def operator(
        self, kind: str, inputs: Sequence[int], outputs: Sequence[int], options: str = "", **told: Any
    ) -> None:
        """Add an operator to the file, as :meth:`FlatBuffer.operator`."""
        self.file.operator(kind, inputs, outputs, options, **told)

    def of_two(self, kind: str, first: int, second: int, made: int, activation: str = "NONE") -> None:
        """Write ``ADD``, ``SUB`` or ``MUL`` of two tensors, with an activation that is fused into it."""
        code = int(getattr(self.schema.ActivationFunctionType, activation))
        self.operator(kind, [first, second], [made], f"{kind.capitalize()}Options", fusedActivationFunction=code)

    def strided(self, source: int, made: int, bounds: Sequence[Sequence[int]], whole: int) -> None:
        """Write a slice by ``bounds``: begins, ends and steps; bits of ``whole`` mark axes that are kept whole."""
        held = [self.constant("bounds", np.array(each, np.int32)) for each in bounds]
        self.operator(
            "STRIDED_SLICE", [source, *held], [made], "StridedSliceOptions", beginMask=whole, endMask=whole
        )  # fmt: skip

    def reshape(self, source: int, made: int, shape: Sequence[int], free: bool) -> None:
        """Write a reshape to ``shape``, of which the first size is the batch's where it is ``free``."""
        target = np.array([FREE if free else shape[0], *shape[1:]] if len(shape) else shape, np.int32)
        self.operator(
            "RESHAPE", [source, self.constant("shape", target)], [made], "ReshapeOptions", newShape=target.tolist()
        )

    def free(self, name: str) -> Shape:
        """The shape of a value, with :data:`FREE` where the batch decides."""
        return self.source.free.get(self._like.get(name, name), ())

    def dtype(self, name: str) -> str:
        """The type of a value's tensor."""
        if name in self._quantizations:
            return "int8"
        kind = self.source.dtypes.get(name, "float32")
        if kind not in TYPES:
            raise ValueError(f"{name} is of {kind or 'a type that ONNX does not know'}")
        return TYPES[kind]

    # --- integers

    def quantize(self, name: str, like: str, quantization: Quantization) -> None:
        """Say that a value is of integers, in the shape of the value that they stand for."""
        self._shapes[name], self._quantizations[name] = self.shape(like), quantization
        self._like[name] = self._like.get(like, like)

    def requantized(self, name: str, order: Order, quantization: Quantization) -> int:
        """A value of integers by another scale."""
        held = self.quantization(name)
        if held is not None and held.equals(quantization):
            return self.read(name, order)
        made = self.temporary(f"{name} rescaled", self.shape(name, order), "int8", quantization)
        self.rescale(name, order, made)
        return made

    def rescale(self, name: str, order: Order, made: int) -> None:
        """Write a value of integers into a tensor of another scale.

        By way of floats: from integers to integers XNNPACK multiplies by a factor of 8 bits, and codes come out by one
        step apart from what the ONNX file says.
        """
        between = self.temporary(f"{name} as floats", self.shape(name, order))
        self.operator("DEQUANTIZE", [self.read(name, order)], [between], "DequantizeOptions")
        self.operator("QUANTIZE", [between], [made], "QuantizeOptions")

    def _ordered(self, array: Array, order: Order) -> Array:
        """A constant beside values in an order: with channels last of four axes."""
        if order is Order.PLAIN:
            return array
        whole = array.reshape((1,) * (4 - array.ndim) + array.shape)
        return np.ascontiguousarray(whole.transpose(0, 2, 3, 1))
