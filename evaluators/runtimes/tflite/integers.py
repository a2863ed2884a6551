"""Which operators LiteRT computes in 8-bit integers: those between a dequantisation and a quantisation that it can.

An ONNX file says of each value by which scale it is rounded, and computes in floats between. An operator whose inputs
are all dequantised, and whose output is quantised at once, becomes LiteRT's operator on the integers themselves. Any
other one is computed in floats, as the file says, behind a ``DEQUANTIZE``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from .flatbuffer import Quantization
from .lowering import SHIFT, Lowering, Step
from .source import Node

LAYERS = {"Conv": 0, "Gemm": 0, "MatMul": 1}
"""Operators with a constant weight, and the axis of its outputs; of a ``Gemm`` that is not transposed 1."""
ELEMENTWISE = frozenset({"Add", "Mul", "Sub"})
MOVES = frozenset({"MaxPool", "AveragePool", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Slice", "Pad"})
"""Operators whose output has the scale of their input: where the file has another one, it is changed behind them."""
OTHERS = frozenset({"GlobalAveragePool", "ReduceMean", "Concat", "Relu"})
_LEAST = -128
"""The code of zero behind a ReLU of which nothing is left but rounding: no code is below it."""


def register(to: Lowering) -> None:
    """Say of all values what their integers stand for, and which integers floats are dequantised from."""
    for node in to.source.nodes:
        if node.kind == "QuantizeLinear":
            to.quantize(node.outputs[0], node.inputs[0], _quantization(node, to))
        elif node.kind == "DequantizeLinear":
            source, held = node.inputs[0], to.quantization(node.inputs[0])
            if held is None or not held.equals(_quantization(node, to)):
                raise node.refuse("of other integers than those that are quantised before it")
            to.integers[node.outputs[0]] = source


def in_integers(step: Step, behind: Node | None, to: Lowering) -> Step | None:
    """The step on integers, its output those of the quantisation ``behind`` it; None where it stays in floats."""
    if behind is None or behind.kind != "QuantizeLinear" or not _takes(step, behind, to):
        return None
    inputs = tuple(to.integers.get(name, name) for name in step.inputs)
    node = replace(step.node, kind="QuantizeLinear") if step.node.kind == "Relu" else step.node
    return Step(node, inputs, behind.outputs[0], step.activation, integers=True)


def quantize(step: Step, to: Lowering) -> None:
    """``QuantizeLinear`` of floats, or of integers by another scale."""
    source = step.inputs[0]
    base = to.integers.get(source, source)
    order = to.order(base)
    if to.quantization(base) is None:
        to.operator("QUANTIZE", [to.read(base, order)], [to.give(step.output, order)], "QuantizeOptions")
    else:
        to.rescale(base, order, to.give(step.output, order))


def by_scale(step: Step, to: Lowering) -> Iterator[Step]:
    """The step on integers; of one that keeps the scale of its input, what changes it behind, where the file does."""
    given, wanted = to.quantization(step.inputs[0]), to.quantization(step.output)
    if step.node.kind not in MOVES or given is None or wanted is None or given.equals(wanted):
        yield step
        return
    between = f"{step.output} before"
    to.quantize(between, step.output, given)
    yield replace(step, output=between)
    yield Step(replace(step.node, kind="QuantizeLinear"), (between,), step.output, integers=True)


def _takes(step: Step, behind: Node, to: Lowering) -> bool:
    kind, computed = step.node.kind, [name for name in step.inputs if name and not to.source.is_constant(name)]
    if not computed or any(name not in to.integers for name in computed):
        return False
    if kind in LAYERS:
        return len(computed) == 1 and _is_of_codes(step, to)
    if kind in ELEMENTWISE or kind == "Concat":
        return len(computed) == len(step.inputs)
    if kind == "Relu":
        held = to.quantization(behind.outputs[0])
        return held is not None and held.zero_point == _LEAST
    if kind in ("AveragePool", "Pad"):
        pads = kind == "AveragePool" and any(step.attribute("pads") or ())
        fills = kind == "Pad" and len(step.inputs) > 2 and step.inputs[2] and np.any(to.source.floats(step.inputs[2]))
        return not pads and not fills
    return kind in MOVES or kind in OTHERS


def _is_of_codes(step: Step, to: Lowering) -> bool:
    """Whether the weight lies in the file in signed integers around zero, with one scale for each output at most."""
    codes = to.source.codes.get(step.inputs[1])
    if codes is None or codes.codes.dtype != np.int8 or np.any(codes.zero_point):
        return False
    axis = 1 if step.node.kind == "Gemm" and not step.attribute("transB", 0) else LAYERS[step.node.kind]
    return codes.scale.size == 1 or codes.axis == axis


def _quantization(node: Node, to: Lowering) -> Quantization:
    names = (*node.inputs[1:], "")[:2]
    if any(name and name not in to.source.constants for name in names):
        raise node.refuse("by a computed scale")
    scale = to.source.constants[names[0]].reshape(-1)
    zero = to.source.constants[names[1]].reshape(-1) if names[1] else np.zeros(1, np.uint8)
    alike = np.all(scale == scale[0]) and np.all(zero == zero[0])  # of each channel, where others are to leave it alone
    if not alike or zero.dtype.name not in ("uint8", "int8"):
        raise node.refuse("other than to 8 bits by one scale")
    return Quantization(scale[:1].astype(np.float32), int(zero[0]) - (SHIFT if zero.dtype == np.uint8 else 0))
