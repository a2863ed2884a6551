"""Operators that compute each element by itself, or from those at the same place of two values."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .lowering import Lowering, Order, Step
from .windows import activation_of

UNARY = {
    "Relu": "RELU", "Sigmoid": "LOGISTIC", "Tanh": "TANH", "HardSwish": "HARD_SWISH", "Exp": "EXP", "Log": "LOG",
    "Sqrt": "SQRT", "Neg": "NEG", "Abs": "ABS", "Floor": "FLOOR", "Ceil": "CEIL", "Sin": "SIN", "Cos": "COS",
}  # fmt: skip
"""Operators of one input and no attributes, by ONNX's name."""
BINARY = {
    "Add": ("ADD", "AddOptions"), "Sub": ("SUB", "SubOptions"), "Mul": ("MUL", "MulOptions"),
    "Div": ("DIV", "DivOptions"), "Pow": ("POW", "PowOptions"), "Max": ("MAXIMUM", "MaximumMinimumOptions"),
    "Min": ("MINIMUM", "MaximumMinimumOptions"),
}  # fmt: skip
"""Operators of two inputs, by ONNX's name: LiteRT's, and its options."""
FUSES = frozenset({"Add", "Sub", "Mul", "Div"})
"""Those whose options name an activation."""
CLIPS = {(0.0, 6.0): "RELU6", (-1.0, 1.0): "RELU_N1_TO_1"}
"""Bounds that LiteRT has an operator for, and XNNPACK, too."""


def unary(step: Step, to: Lowering) -> None:
    """One of :data:`UNARY`."""
    _alone(step, to, UNARY[step.node.kind])


def leaky(step: Step, to: Lowering) -> None:
    """``LeakyRelu``."""
    alpha = float(step.attribute("alpha", 0.01))
    _alone(step, to, "LEAKY_RELU", "LeakyReluOptions", alpha=alpha)


def gelu(step: Step, to: Lowering) -> None:
    """``Gelu``."""
    approximate = step.attribute("approximate", b"none") == b"tanh"
    _alone(step, to, "GELU", "GeluOptions", approximate=approximate)


def elu(step: Step, to: Lowering) -> None:
    """``Elu``, of which LiteRT has the usual one."""
    if step.attribute("alpha", 1.0) != 1.0:
        raise step.node.refuse("with an alpha that is not 1")
    _alone(step, to, "ELU")


def hard_sigmoid(step: Step, to: Lowering) -> None:
    """``HardSigmoid``: a line between 0 and 1; the usual one as ``ReLU6(x + 3) / 6``, for which XNNPACK has kernels."""
    alpha, beta = float(step.attribute("alpha", 0.2)), float(step.attribute("beta", 0.5))
    is_usual = math.isclose(alpha, 1 / 6, rel_tol=1e-6) and beta == 0.5

    def constant(value: float) -> int:
        return to.constant("constant", np.array(value, np.float32))

    def write(tensor: int, made: int, order: Order) -> None:
        shape = to.shape(step.output, order)
        line = to.temporary(f"{step.node.name} line", shape)
        if is_usual:
            to.of_two("ADD", tensor, constant(3.0), line, "RELU6")
            to.of_two("MUL", line, constant(1 / 6), made)
            return
        scaled = to.temporary(f"{step.node.name} scaled", shape)
        to.of_two("MUL", tensor, constant(alpha), scaled)
        to.of_two("ADD", scaled, constant(beta), line, "RELU")
        to.operator("MINIMUM", [line, constant(1.0)], [made], "MaximumMinimumOptions")

    _each(step, to, write)


def bounds_of(step: Step, to: Lowering) -> tuple[float, float]:
    """Least and largest value that a ``Clip`` lets through."""
    found = []
    for position, default in ((1, -np.inf), (2, np.inf)):
        name = step.inputs[position] if len(step.inputs) > position else ""
        if name and not to.source.is_constant(name):
            raise step.node.refuse("with computed bounds")
        found.append(float(to.source.floats(name).reshape(())) if name else default)
    return found[0], found[1]


def clip(step: Step, to: Lowering) -> None:
    """``Clip``."""
    low, high = bounds_of(step, to)

    def write(tensor: int, made: int, order: Order) -> None:
        if (low, high) in CLIPS:
            to.operator(CLIPS[low, high], [tensor], [made])
            return
        between = to.temporary(f"{step.node.name} raised", to.shape(step.output, order))
        options = "MaximumMinimumOptions"
        least, most = (to.constant("bound", np.array(max(min(b, 3e38), -3e38), np.float32)) for b in (low, high))
        to.operator("MAXIMUM", [tensor, least], [between], options)
        to.operator("MINIMUM", [between, most], [made], options)

    _each(step, to, write)


def prelu(step: Step, to: Lowering) -> None:
    """``PRelu`` with constant slopes."""
    slopes = step.inputs[1]
    if not to.source.is_constant(slopes):
        raise step.node.refuse("with computed slopes")
    array, rank = to.source.floats(slopes), len(to.shape(step.output))
    whole = array.reshape((1,) * (rank - array.ndim) + array.shape)

    def write(tensor: int, made: int, order: Order) -> None:
        turned = whole if order is Order.PLAIN else whole.transpose(0, 2, 3, 1)
        to.operator("PRELU", [tensor, to.constant(slopes, turned[0])], [made])

    _each(step, to, write)


def reciprocal(step: Step, to: Lowering) -> None:
    """``Reciprocal``: one, divided."""
    none = int(to.schema.ActivationFunctionType.NONE)
    one = to.constant("one", np.array(1, np.float32))

    def write(tensor: int, made: int, order: Order) -> None:
        to.operator("DIV", [one, tensor], [made], "DivOptions", fusedActivationFunction=none)

    _each(step, to, write)


def binary(step: Step, to: Lowering) -> None:
    """One of :data:`BINARY`; of more inputs one after the other."""
    if len(step.inputs) != 2:
        raise step.node.refuse(f"of {len(step.inputs)} inputs, not 2")
    order = to.order(*step.inputs)
    if len(to.shape(step.output)) != 4:
        order = Order.PLAIN
    kind, options = BINARY[step.node.kind]
    fused = {"fusedActivationFunction": activation_of(step, to)} if step.node.kind in FUSES else {}
    tensors = [to.read(name, order) for name in step.inputs]
    to.operator(kind, tensors, [to.give(step.output, order)], options, **fused)


def batch_norm(step: Step, to: Lowering) -> None:
    """``BatchNormalization`` that is no part of a layer: a factor and a summand for each channel."""
    if any(not to.source.is_constant(name) for name in step.inputs[1:5]):
        raise step.node.refuse("with computed statistics")
    weight, bias, mean, variance = (to.source.floats(name).astype(np.float64) for name in step.inputs[1:5])
    factor = weight / np.sqrt(variance + step.attribute("epsilon", 1e-5))
    order = to.order(step.inputs[0])
    rank = len(to.shape(step.inputs[0]))
    shape = (-1,) if order is Order.LAST or rank == 2 else (-1, *(1,) * (rank - 2))
    scale, shift = (a.astype(np.float32).reshape(shape) for a in (factor, bias - mean * factor))
    between = to.temporary(f"{step.node.name} scaled", to.shape(step.output, order))
    tensor, made = to.read(step.inputs[0], order), to.give(step.output, order)
    to.of_two("MUL", tensor, to.constant("factor", scale), between)
    to.of_two("ADD", between, to.constant("summand", shift), made, step.activation)


def softmax(step: Step, to: Lowering) -> None:
    """``Softmax`` and ``LogSoftmax`` over the last axis."""
    source, rank = step.inputs[0], len(to.shape(step.inputs[0]))
    axis = int(step.attribute("axis", -1)) % rank
    order = Order.LAST if rank == 4 and axis == 1 else Order.PLAIN
    if axis != rank - 1 and order is Order.PLAIN:
        raise step.node.refuse("over another axis than the last one or the channels")
    tensor, made = to.read(source, order), to.give(step.output, order)
    if step.node.kind == "Softmax":
        to.operator("SOFTMAX", [tensor], [made], "SoftmaxOptions", beta=1.0)
    else:
        to.operator("LOG_SOFTMAX", [tensor], [made], "LogSoftmaxOptions")


def _alone(step: Step, to: Lowering, kind: str, options: str = "", **told: Any) -> None:
    """One operator of LiteRT's."""
    _each(step, to, lambda tensor, made, order: to.operator(kind, [tensor], [made], options, **told))


def _each(step: Step, to: Lowering, write: Callable[[int, int, Order], None]) -> None:
    order = to.order(step.inputs[0])
    write(to.read(step.inputs[0], order), to.give(step.output, order), order)
