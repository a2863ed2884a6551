"""An ONNX file → a LiteRT file: node by node, with activations fused and 8-bit layers as LiteRT's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import ModuleType

from ....spaces.messages import first_line
from ...restore.opset import portable
from ...restore.standard import standard
from . import elementwise, integers, layers, normalising, shaping, transposed, windows
from .lowering import Lowering, Step
from .source import Node, Source, Untranslatable, read

Handler = Callable[[Step, Lowering], None]

HANDLERS: dict[str, Handler] = {
    "Conv": layers.convolution, "Gemm": layers.linear, "MatMul": layers.product,
    "ConvTranspose": transposed.transposed_convolution,
    "LayerNormalization": normalising.layer_norm, "GroupNormalization": normalising.group_norm,
    "InstanceNormalization": normalising.instance_norm,
    "MaxPool": windows.max_pool, "AveragePool": windows.average_pool,
    **dict.fromkeys(elementwise.UNARY, elementwise.unary), **dict.fromkeys(elementwise.BINARY, elementwise.binary),
    "LeakyRelu": elementwise.leaky, "Gelu": elementwise.gelu, "Elu": elementwise.elu, "PRelu": elementwise.prelu,
    "HardSigmoid": elementwise.hard_sigmoid, "Clip": elementwise.clip, "Reciprocal": elementwise.reciprocal,
    "BatchNormalization": elementwise.batch_norm, "Softmax": elementwise.softmax, "LogSoftmax": elementwise.softmax,
    **dict.fromkeys(("Reshape", "Flatten", "Squeeze", "Unsqueeze"), shaping.reshape),
    **dict.fromkeys(("Identity", "Dropout"), shaping.identity),
    **dict.fromkeys((*shaping.REDUCTIONS, *shaping.GLOBAL), shaping.reduce),
    "Transpose": shaping.transpose, "Concat": shaping.concat, "Slice": shaping.slices, "Split": shaping.split,
    "QuantizeLinear": integers.quantize,
    "Pad": shaping.pad, "Resize": shaping.resize, "DepthToSpace": shaping.depth_to_space,
}  # fmt: skip
"""What writes each of ONNX's operators."""
KNOWN = HANDLERS.keys() | {"DequantizeLinear"}
"""Operators that have a form; what is dequantised is so where it is read."""
MENDS = {
    "If": "it has no branches: leave out early_exit",
}
"""What is not in a file without it, by an operator that has no form."""
_FUSING = frozenset({"Conv", "Gemm", "BatchNormalization", *elementwise.FUSES})
"""Operators into which LiteRT fuses the activation behind them."""


def tflite(content: bytes, facts: Mapping[str, str] | None = None) -> bytes:
    """An ONNX file as LiteRT's; inputs and outputs keep their names, shapes and types.

    Args:
        content: of the ONNX file; packed weights and ONNX Runtime's own operators are made plain.
        facts: what the file is to say of itself, by key.

    Raises:
        ImportError: where LiteRT is not installed.
        Untranslatable: where it has no form there: the line names the operator and the layer.
    """
    from ai_edge_litert import schema_py_generated as schema

    try:
        return _translated(content, facts or {}, schema)
    except Untranslatable:
        raise
    except Exception as error:  # of a damaged file, which can be wrong in any way
        raise Untranslatable(f"it is not as ONNX has it ({first_line(error)})") from error


def _translated(content: bytes, facts: Mapping[str, str], schema: ModuleType) -> bytes:
    source = read(standard(portable(content)))
    if missing := [node for node in source.nodes if node.kind not in KNOWN]:
        first = next((node for node in missing if node.kind in MENDS), missing[0])
        raise first.refuse(MENDS.get(first.kind, ""))
    to = Lowering(source, schema)
    integers.register(to)
    for step in steps(source, to):
        HANDLERS[step.node.kind](step, to)
    inputs = [_port(to, name) for name in source.inputs]
    return to.file.finish(inputs, [_port(to, name) for name in source.outputs], facts)


def steps(source: Source, to: Lowering) -> Iterator[Step]:
    """The graph's operators, each with the activation and the quantisation behind it that LiteRT computes with it."""
    fused: set[int] = set()
    for node in source.nodes:
        if id(node) in fused or node.kind == "DequantizeLinear":
            continue
        step = Step(node, node.inputs, node.outputs[0])
        behind = source.only_reader(step.output)
        activation = _activation(behind, to) if behind is not None and node.kind in _FUSING else ""
        if behind is not None and activation:
            fused.add(id(behind))
            step = Step(node, node.inputs, behind.outputs[0], activation)
            behind = source.only_reader(step.output)
        rounded = integers.in_integers(step, behind, to)
        if rounded is None:
            yield step
            continue
        fused.add(id(behind))
        yield from integers.by_scale(rounded, to)


def _activation(node: Node, to: Lowering) -> str:
    if node.kind == "Relu":
        return "RELU"
    if node.kind != "Clip":
        return ""
    bounds = elementwise.bounds_of(Step(node, node.inputs, node.outputs[0]), to)
    return "RELU6" if bounds == (0.0, 6.0) else ""


def _port(to: Lowering, name: str) -> int:
    """An input or output, in ONNX's order of axes and by its name."""
    tensor = to.read(name)
    to.file.rename(tensor, name, to.free(name))
    return tensor
