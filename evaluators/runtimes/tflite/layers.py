"""Convolutions and linear layers, in floats and in 8-bit integers."""

from __future__ import annotations

import numpy as np

from .flatbuffer import Quantization
from .lowering import Lowering, Order, Step
from .source import Array
from .windows import Window, activation_of, padded, padding_of

LARGEST_BIAS = 2**31 - 1


def convolution(step: Step, to: Lowering) -> None:
    """``Conv`` over rows and columns: plain, depthwise, or in groups."""
    source, weight = step.inputs[:2]
    shape = to.shape(source)
    if len(shape) != 4:
        raise step.node.refuse(f"inputs of {len(shape)} axes, not 4")
    groups, channels = int(step.attribute("group", 1)), shape[1]
    window = Window.of(step, shape, to.shape(step.output), to.shape(weight)[2:])
    depthwise = groups > 1 and groups == channels
    held = _weight(step, to, weight, depthwise)
    bias = _bias(step, to, held.quantization, held.outputs)
    tensor = padded(step, to, to.read(source, Order.LAST), window, to.quantization(source))
    told = {
        "padding": padding_of(to, window), "strideW": window.strides[1], "strideH": window.strides[0],
        "dilationWFactor": window.dilations[1], "dilationHFactor": window.dilations[0],
        "fusedActivationFunction": activation_of(step, to),
    }  # fmt: skip
    made = to.give(step.output, Order.LAST)
    if depthwise:
        told["depthMultiplier"] = held.outputs // channels
        to.operator("DEPTHWISE_CONV_2D", [tensor, held.tensor, bias], [made], "DepthwiseConv2DOptions", **told)
    else:
        to.operator("CONV_2D", [tensor, held.tensor, bias], [made], "Conv2DOptions", **told)


def linear(step: Step, to: Lowering) -> None:
    """``Gemm`` of a computed matrix and a constant one."""
    source, weight = step.inputs[:2]
    factors = step.attribute("alpha", 1.0), step.attribute("beta", 1.0), step.attribute("transA", 0)
    if factors != (1.0, 1.0, 0) or not to.source.is_constant(weight) or to.source.is_constant(source):
        raise step.node.refuse("other than of a computed and a constant matrix")
    _fully_connected(step, to, turned=not step.attribute("transB", 0))


def product(step: Step, to: Lowering) -> None:
    """``MatMul``: by a constant matrix, or of two computed values."""
    first, second = step.inputs
    if to.source.is_constant(second) and len(to.shape(second)) == 2 and len(to.shape(first)) > 1:
        _fully_connected(step, to, turned=True)
    elif not step.integers and min(len(to.shape(first)), len(to.shape(second))) > 1:
        tensors = [to.read(name) for name in step.inputs]
        to.operator("BATCH_MATMUL", tensors, [to.give(step.output)], "BatchMatMulOptions")
    else:
        raise step.node.refuse("of vectors")


def _fully_connected(step: Step, to: Lowering, turned: bool) -> None:
    source, weight = step.inputs[:2]
    held = _weight(step, to, weight, turned=turned)
    bias = _bias(step, to, held.quantization, held.outputs)
    tensors = [to.any_order(source) if len(to.shape(source)) == 4 else to.read(source), held.tensor, bias]
    to.operator(
        "FULLY_CONNECTED", tensors, [to.give(step.output)], "FullyConnectedOptions",
        fusedActivationFunction=activation_of(step, to), keepNumDims=len(to.shape(step.output)) > 2,
    )  # fmt: skip


class _Weight:
    def __init__(self, tensor: int, outputs: int, quantization: Quantization | None) -> None:
        self.tensor, self.outputs, self.quantization = tensor, outputs, quantization


def _weight(step: Step, to: Lowering, name: str, depthwise: bool = False, turned: bool = False) -> _Weight:
    """A weight in LiteRT's order: outputs, rows, columns, inputs; of a depthwise layer one, rows, columns, outputs."""
    if not to.source.is_constant(name):
        raise step.node.refuse("with a computed weight")
    codes = to.source.codes.get(name) if step.integers else None
    array = codes.codes if codes is not None else to.source.floats(name)
    outputs_axis = 1 if turned else 0
    outputs = array.shape[outputs_axis]
    quantization = None
    if codes is not None:
        axis = 3 if depthwise else 0
        scale = np.broadcast_to(codes.scale, outputs) if codes.scale.size == 1 else codes.scale
        quantization = Quantization(scale.astype(np.float32), 0, axis)
    return _Weight(to.constant(name, _turned(array, depthwise, turned), quantization), outputs, quantization)


def _turned(array: Array, depthwise: bool, turned: bool) -> Array:
    if array.ndim == 2:
        return np.ascontiguousarray(array.T) if turned else array
    return np.ascontiguousarray(array.transpose((1, 2, 3, 0) if depthwise else (0, 2, 3, 1)))


def _bias(step: Step, to: Lowering, weight: Quantization | None, outputs: int) -> int:
    name = step.inputs[2] if len(step.inputs) > 2 else ""
    if name and not to.source.is_constant(name):
        raise step.node.refuse("with a computed bias")
    array = np.zeros(outputs, np.float32) if not name else to.source.floats(name).reshape(-1)
    array = np.broadcast_to(array, outputs)
    if weight is None:
        return to.constant(name or f"{step.node.name} bias", array.astype(np.float32))
    given = to.quantization(step.inputs[0])
    assert given is not None
    scale = np.float32(given.scale) * weight.scale
    codes = np.rint(array.astype(np.float64) / scale).clip(-LARGEST_BIAS, LARGEST_BIAS).astype(np.int32)
    return to.constant(name or f"{step.node.name} bias", codes, Quantization(scale.astype(np.float32)))
