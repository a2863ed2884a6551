"""A network → its ONNX artefact, node by node from the cleaned graph; a full export only where a module is unknown."""

from __future__ import annotations

import hashlib
import operator
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx_ir as ir
import torch
from torch import Tensor, fx, nn

from ..files import write_chunks
from ..tensors.batch import Batch, Outputs, Tensors, joined, named
from ..tensors.one_thread import one_thread
from ..tensors.sharing import to_array
from ..tensors.signature import INPUT
from .branches import branched
from .capture import OPSET, onnx_program
from .channels.flow import is_input
from .emission import Builder, Emittable, layer_node
from .export import IR_VERSION, quiet
from .layers import WEIGHTED, SequenceLinear
from .ops import Op
from .outputs import OutputSpec, output_nodes, output_specs
from .packing import is_packed, packed
from .streaming import Chunk, chunks

_TYPES = {
    torch.float32: ir.DataType.FLOAT, torch.float64: ir.DataType.DOUBLE, torch.float16: ir.DataType.FLOAT16,
    torch.bool: ir.DataType.BOOL, torch.uint8: ir.DataType.UINT8, torch.int8: ir.DataType.INT8,
    torch.int16: ir.DataType.INT16, torch.int32: ir.DataType.INT32, torch.int64: ir.DataType.INT64,
}  # fmt: skip
EDITED, EXPORTED = "edited graph", "full export"


@dataclass(frozen=True, slots=True)
class Artifact:
    """An ONNX file.

    Attributes:
        path: where it lies.
        sha256: of its bytes, 64 hexadecimal digits.
        size_bytes: on disk.
        input_shapes: of one sample, by the input's name.
        made_by: ``"edited graph"`` or, for a module without an emitter, ``"full export"``.
    """

    path: Path
    sha256: str
    size_bytes: int
    input_shapes: Mapping[str, tuple[int, ...]]
    made_by: str


class UnknownModule(Exception):
    """A module that no emitter is known for."""


@one_thread()
def emit(net: fx.GraphModule, path: Path, example: Tensors) -> Artifact:
    """Write ``net`` to ``path``, atomically. Input ``input`` and output ``output``, batch axis dynamic.

    Several inputs and outputs have the names that ``example`` and the network give them.

    Equal networks give equal bytes. A module that is neither torch's own layer nor :class:`Emittable` makes the whole
    network go through ``torch.onnx.export`` instead, and the artefact says so.
    """
    try:
        parts, made_by = chunks(build(net, example)), EDITED
    except UnknownModule:
        parts, made_by = iter([_full_export(net, example)]), EXPORTED
    counted = _Counted(parts)
    write_chunks(path, counted)
    shapes = {name: tuple(part.shape[1:]) for name, part in named(example, INPUT).items()}
    return Artifact(path, counted.digest.hexdigest(), counted.size, shapes, made_by)


class _Counted:
    """Parts of a file, of which digest and size are known once they have been read."""

    def __init__(self, parts: Iterable[Chunk]) -> None:
        self._parts = parts
        self.digest, self.size = hashlib.sha256(), 0

    def __iter__(self) -> Iterator[Chunk]:
        for part in self._parts:
            self.digest.update(part)
            self.size += len(part)
            yield part


def serialize(net: fx.GraphModule, example: Tensors) -> bytes:
    """The artefact's bytes.

    Raises:
        UnknownModule: for a module without an emitter.
    """
    return b"".join(chunks(build(net, example)))


def build(net: fx.GraphModule, example: Tensors) -> ir.Model:
    """The network as an ONNX model."""
    builder = Builder()
    sources = {name: _source(name, part) for name, part in named(example, INPUT).items()}
    values: dict[fx.Node, list[ir.Value]] = {}
    for node in net.graph.nodes:
        if node.op == "output":
            continue
        if is_input(node):
            values[node] = [sources[INPUT if node.op == "placeholder" else node.args[1]]]
        elif node.op == "placeholder":
            continue
        elif node.target is operator.getitem:
            values[node] = [values[node.args[0]][node.args[1]]]
        else:
            builder.scope = node.name
            inputs = [values[argument][0] for argument in node.args]
            values[node] = _emit(builder, net.get_submodule(str(node.target)), inputs)
    results = _results(builder, net, values)
    names = [result.name for result in results]
    nodes = branched(builder, _read(builder.nodes, [*results, *(either.all_rows for either in builder.eithers)]))
    given = {output.name: output for node in nodes for output in node.outputs}
    results = [given[name] for name in names]
    functions = list(builder.functions.values())
    domains = {"": OPSET, "com.microsoft": 1} | {function.domain: 1 for function in functions}
    graph = ir.Graph(
        [*sources.values()], results, nodes=nodes, opset_imports=domains, name="parefront",
        initializers=list(builder.initializers.values()),
    )  # fmt: skip
    return ir.Model(graph, ir_version=IR_VERSION, producer_name="parefront", functions=functions)


def _source(name: str, example: Tensor) -> ir.Value:
    return ir.Value(name=name, shape=ir.Shape(["batch", *example.shape[1:]]), type=ir.TensorType(_TYPES[example.dtype]))


def _results(builder: Builder, net: fx.GraphModule, values: Mapping[fx.Node, Sequence[ir.Value]]) -> list[ir.Value]:
    """The outputs, named; each is the output of a node of its own."""
    results: list[ir.Value] = []
    specs, nodes = output_specs(net), output_nodes(net)
    for name, node in nodes.items():
        result = values[node][0]
        if result.producer() is None or result in results:
            builder.scope = "identity" if len(nodes) == 1 else f"{name}.identity"
            result = builder.node("Identity", [result])[0]
        _describe(result, name, specs[name])
        results.append(result)
    return results


def _describe(result: ir.Value, name: str, spec: OutputSpec) -> None:
    result.name, result.type = name, ir.TensorType(_TYPES[spec.dtype])
    result.shape = ir.Shape(["batch", *spec.shape])


def _read(nodes: Sequence[ir.Node], results: Sequence[ir.Value]) -> list[ir.Node]:
    """The nodes that something reads: ONNX Runtime would run the others too."""
    read: list[ir.Node] = []
    for node in reversed(nodes):
        if any(output in results or output.uses() for output in node.outputs):
            read.append(node)
        else:
            for index in range(len(node.inputs)):
                node.replace_input_with(index, None)
    return read[::-1]


def _emit(builder: Builder, module: nn.Module, inputs: Sequence[ir.Value]) -> list[ir.Value]:
    if isinstance(module, Emittable):
        return module.emit(builder, inputs)
    if isinstance(module, Op):
        return _op(builder, module, inputs)
    if isinstance(module, WEIGHTED):
        weight = _weight(builder, module)
        bias = builder.constant("bias", array(module.bias)) if module.bias is not None else None
        return layer_node(builder, module, inputs[0], weight, bias)
    if isinstance(module, nn.BatchNorm2d):
        held = [module.weight, module.bias, module.running_mean, module.running_var]
        names = ["weight", "bias", "mean", "variance"]
        constants = [builder.constant(name, array(tensor)) for name, tensor in zip(names, held, strict=True)]
        return builder.node("BatchNormalization", [*inputs, *constants], {"epsilon": float(module.eps)})
    if isinstance(module, nn.LayerNorm):
        constants = [builder.constant(n, array(t)) for n, t in (("weight", module.weight), ("bias", module.bias))]
        return builder.node("LayerNormalization", [*inputs, *constants], {"axis": -1, "epsilon": float(module.eps)})
    raise UnknownModule(type(module).__name__)


def _weight(builder: Builder, layer: nn.Module) -> ir.Value:
    """A layer's weight, packed where that is asked for; transposed for a MatMul."""
    weight = array(layer.get_parameter("weight"))
    held = weight.T if isinstance(layer, SequenceLinear) else weight
    return packed(builder, "weight", held) if is_packed(layer) else builder.constant("weight", held)


def _op(builder: Builder, op: Op, inputs: Sequence[ir.Value]) -> list[ir.Value]:
    if op.op_type == "Constant":
        return [builder.constant("value", op.constant(0))]  # type: ignore[arg-type]
    rest = iter(inputs)
    arguments: list[ir.Value | None] = []
    for position in range(op.arity):
        held = op.constant(position)
        if held is not None:
            arguments.append(builder.constant(str(position), held))
        else:
            arguments.append(None if position in op.absent else next(rest))
    return builder.node(op.op_type, arguments, op.attributes, outputs=op.outputs)


def array(tensor: Tensor | None) -> np.ndarray:
    """A tensor as a numpy array, only to be read, without a copy where possible."""
    assert tensor is not None
    return to_array(tensor)


def _full_export(net: fx.GraphModule, example: Tensors) -> bytes:
    pair = example if len(example) > 1 else joined([example, example])
    outputs = tuple(output_specs(net))
    with quiet():
        program = onnx_program(_Flat(net, [*named(example, INPUT)]) if isinstance(pair, Batch) else net, pair, outputs)
        program.optimize()
    return program.model_proto.SerializeToString(deterministic=True)  # type: ignore[no-any-return]


class _Flat(nn.Module):
    """A network that takes its inputs one by one."""

    def __init__(self, net: fx.GraphModule, names: Sequence[str]) -> None:
        super().__init__()
        self.net, self.names = net, names

    def forward(self, *tensors: Tensor) -> Outputs:
        outputs: Outputs = self.net(Batch(dict(zip(self.names, tensors, strict=True))))
        return outputs
