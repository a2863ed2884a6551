"""An ONNX file as it is translated: what is computed, what is constant, and the shapes of all that is between."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper, shape_inference
from onnx.reference import ReferenceEvaluator

Array = NDArray[Any]
Shape = tuple[int, ...]
FREE = -1
"""A size that the file leaves open."""


class Untranslatable(ValueError):
    """What LiteRT's format, or this translation, has no form for; in one line."""


@dataclass(frozen=True, eq=False)
class Node:
    """One operator of the file."""

    name: str
    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]

    def refuse(self, reason: str = "") -> Untranslatable:
        """What is raised where the operator has no form."""
        said = f": {reason}" if reason else ""
        return Untranslatable(f"operator {self.kind} of layer {self.name or self.outputs[0]} has no form there{said}")


@dataclass(frozen=True, eq=False)
class Codes:
    """A constant that is stored in integers: ``scale · (codes − zero_point)``.

    Attributes:
        codes: the integers.
        scale: one, or one for each index of ``axis``.
        zero_point: as ``scale``.
        axis: along which scales differ.
    """

    codes: Array
    scale: Array
    zero_point: Array
    axis: int

    def floats(self) -> Array:
        """What the integers stand for."""
        shape = [1] * self.codes.ndim
        if self.scale.size > 1:
            shape[self.axis] = -1
        scale, zero = (given.reshape(shape) if shape else given.reshape(()) for given in (self.scale, self.zero_point))
        return np.asarray((self.codes.astype(np.int32) - zero.astype(np.int32)).astype(np.float32) * scale)


@dataclass(frozen=True, eq=False)
class Source:
    """A file's graph.

    Attributes:
        nodes: those that compute from the inputs, in order.
        constants: by name.
        codes: constants that a ``DequantizeLinear`` makes of integers, by name.
        shapes: of every value, for a batch of one.
        free: the same, with :data:`FREE` where the batch decides.
        dtypes: of every value, by NumPy's name.
        inputs: names.
        outputs: names.
        readers: the nodes that read each value.
    """

    nodes: tuple[Node, ...]
    constants: Mapping[str, Array]
    codes: Mapping[str, Codes]
    shapes: Mapping[str, Shape]
    free: Mapping[str, Shape]
    dtypes: Mapping[str, str]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    readers: Mapping[str, list[Node]] = field(init=False)

    def __post_init__(self) -> None:
        readers: defaultdict[str, list[Node]] = defaultdict(list)
        for node in self.nodes:
            for name in node.inputs:
                readers[name].append(node)
        object.__setattr__(self, "readers", readers)

    def is_constant(self, name: str) -> bool:
        return name in self.constants or name in self.codes

    def floats(self, name: str) -> Array:
        """What a constant is, where it is stored in integers what they stand for."""
        return self.codes[name].floats() if name in self.codes else self.constants[name]

    def only_reader(self, name: str) -> Node | None:
        """The one node that reads a value; None where several do, or the value is an output."""
        found = self.readers.get(name, [])
        return found[0] if len(found) == 1 and name not in self.outputs else None


def read(content: bytes) -> Source:
    """The graph of an ONNX file without functions of its own.

    Raises:
        Untranslatable: where it is no such file, or sizes are left open that are not the batch.
    """
    model = onnx.ModelProto.FromString(content)
    graph = model.graph
    if not graph.node or not graph.output:
        raise Untranslatable("not an ONNX model: it computes nothing")
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    given = [value for value in graph.input if value.name not in constants]
    for value in given:
        sizes = [axis.dim_value for axis in value.type.tensor_type.shape.dim]
        if not sizes or any(size <= 0 for size in sizes[1:]):
            raise Untranslatable(f"input {value.name} has free sizes besides the batch")
    nodes, codes = _folded(model, constants)
    of_one = _inferred(_with_batch(model, 1))
    open_ended = _inferred(model)
    shapes, free = {}, {}
    for name, value in of_one.items():
        shapes[name] = _sizes(value)
        free[name] = _sizes(open_ended.get(name, value))
    for name, array in constants.items():
        shapes[name] = free[name] = array.shape
    dtypes = {name: _dtype(value.type.tensor_type.elem_type) for name, value in of_one.items()}
    return Source(
        tuple(nodes), constants, codes, shapes, free, dtypes,
        tuple(value.name for value in given), tuple(value.name for value in graph.output),
    )  # fmt: skip


def _folded(model: onnx.ModelProto, constants: dict[str, Array]) -> tuple[list[Node], dict[str, Codes]]:
    """The nodes that compute from the inputs; what others give is added to the constants, or is among the codes."""
    opsets = {imported.domain: imported.version for imported in model.opset_import}
    nodes, codes = [], dict[str, Codes]()
    for proto in model.graph.node:
        attributes = {each.name: helper.get_attribute_value(each) for each in proto.attribute}
        node = Node(proto.name, proto.op_type, tuple(proto.input), tuple(proto.output), attributes)
        given = [name for name in node.inputs if name]
        if (not given and node.kind != "Constant") or any(name not in constants for name in given):
            nodes.append(node)
        elif node.kind == "DequantizeLinear":
            codes[node.outputs[0]] = _codes(node, constants)
        else:
            feeds = {name: constants[name] for name in given}
            try:
                found = ReferenceEvaluator(proto, opsets=opsets).run(None, feeds)
            except Exception as error:  # of an operator that it does not know, or that is given nonsense
                raise node.refuse() from error
            constants.update(zip(node.outputs, (np.asarray(array) for array in found), strict=False))
    return nodes, codes


def _codes(node: Node, constants: Mapping[str, Array]) -> Codes:
    codes, scale = (constants[name] for name in node.inputs[:2])
    if node.attributes.get("block_size"):
        raise node.refuse("scales of blocks")
    if codes.dtype.name not in ("int8", "uint8", "int32"):
        raise node.refuse(f"constants of {codes.dtype.name}")
    named = len(node.inputs) > 2 and node.inputs[2]
    zero = constants[node.inputs[2]] if named else np.zeros(scale.shape, codes.dtype)
    return Codes(codes, scale.reshape(-1), zero.reshape(-1), int(node.attributes.get("axis", 1)) % max(1, codes.ndim))


def _with_batch(model: onnx.ModelProto, size: int) -> onnx.ModelProto:
    made = onnx.ModelProto()
    made.CopyFrom(model)
    for value in (*made.graph.input, *made.graph.output):
        axes = value.type.tensor_type.shape.dim
        if axes and not axes[0].dim_value:
            axes[0].dim_value = size
    del made.graph.value_info[:]
    return made


def _inferred(model: onnx.ModelProto) -> dict[str, onnx.ValueInfoProto]:
    """The types and shapes of values; ONNX infers nothing of ``GroupNormalization``, which keeps both."""
    if any(node.op_type == "GroupNormalization" for node in model.graph.node):
        made = onnx.ModelProto()
        made.CopyFrom(model)
        for node in made.graph.node:
            if node.op_type == "GroupNormalization":
                node.CopyFrom(helper.make_node("Identity", node.input[:1], node.output, name=node.name))
        model = made
    graph = shape_inference.infer_shapes(model, data_prop=True).graph
    return {value.name: value for value in (*graph.value_info, *graph.input, *graph.output)}


def _sizes(value: onnx.ValueInfoProto) -> Shape:
    return tuple(axis.dim_value if axis.dim_value > 0 else FREE for axis in value.type.tensor_type.shape.dim)


def _dtype(kind: int) -> str:
    try:
        return str(helper.tensor_dtype_to_np_dtype(kind).name)
    except KeyError:
        return ""
