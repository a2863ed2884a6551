"""Normalisations by the mean and variance of the sample itself: of layers, instances and groups of channels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .lowering import Lowering, Order, Step
from .source import FREE, Array


def layer_norm(step: Step, to: Lowering) -> None:
    """``LayerNormalization``: over the last axes."""
    shape = to.shape(step.inputs[0])
    axes = range(int(step.attribute("axis", -1)) % len(shape), len(shape))
    if 0 in axes or len([name for name in step.node.outputs if name]) > 1:
        raise step.node.refuse("over the batch, or with its mean and deviation as outputs")
    tensor = _standardised(step, to, to.read(step.inputs[0]), shape, axes)
    _scaled(step, to, tensor, to.give(step.output), shape, _factors(step, to))


def instance_norm(step: Step, to: Lowering) -> None:
    """``InstanceNormalization``: each channel over its rows and columns."""
    order = _usual(step, to)
    shape = to.shape(step.inputs[0], order)
    axes = range(1, 3) if order is Order.LAST else range(2, len(shape))
    tensor = _standardised(step, to, to.read(step.inputs[0], order), shape, axes)
    _scaled(step, to, tensor, to.give(step.output, order), shape, _by_channel(step, to, order))


def group_norm(step: Step, to: Lowering) -> None:
    """``GroupNormalization``: each group of channels over its rows and columns, scaled channel by channel."""
    order = _usual(step, to)
    shape, groups = to.shape(step.inputs[0], order), int(step.attribute("num_groups"))
    channels = to.shape(step.inputs[0])[1]
    factors = _by_channel(step, to, order)
    if factors[0].size != channels:
        raise step.node.refuse("with a factor for each group")
    apart: tuple[int, ...]
    axes: tuple[int, ...]
    if order is Order.LAST:
        apart, axes = (shape[0], shape[1] * shape[2], groups, channels // groups), (1, 3)
    else:
        apart, axes = (shape[0], groups, int(np.prod(shape[1:])) // groups), (2,)
    free = to.free(step.inputs[0])[:1] == (FREE,)
    grouped, tensor = to.temporary(f"{step.node.name} groups", apart), to.read(step.inputs[0], order)
    to.reshape(tensor, grouped, apart, free)
    together = to.temporary(f"{step.node.name} together", shape)
    to.reshape(_standardised(step, to, grouped, apart, axes), together, shape, free)
    _scaled(step, to, together, to.give(step.output, order), shape, factors)


def _usual(step: Step, to: Lowering) -> Order:
    return Order.LAST if len(to.shape(step.inputs[0])) == 4 else Order.PLAIN


def _factors(step: Step, to: Lowering) -> list[Array]:
    """What is multiplied by and, where there is one, what is added."""
    names = [name for name in step.inputs[1:] if name]
    if any(not to.source.is_constant(name) for name in names):
        raise step.node.refuse("with a computed scale")
    return [to.source.floats(name) for name in names]


def _by_channel(step: Step, to: Lowering, order: Order) -> list[Array]:
    rank = len(to.shape(step.inputs[0]))
    shape = (-1,) if order is Order.LAST else (-1, *(1,) * (rank - 2))
    return [each.reshape(shape) for each in _factors(step, to)]


def _standardised(step: Step, to: Lowering, tensor: int, shape: Sequence[int], axes: Sequence[int]) -> int:
    """The values less their mean over axes, over their standard deviation there."""
    over = to.constant("axes", np.array(axes, np.int32))
    alone = [1 if axis in axes else size for axis, size in enumerate(shape)]
    name = step.node.name
    mean, variance, safe, factor = (
        to.temporary(f"{name} {part}", alone) for part in ("mean", "variance", "safe", "factor")
    )
    centred, squares, made = (to.temporary(f"{name} {part}", shape) for part in ("centred", "squares", "standardised"))
    epsilon = to.constant("epsilon", np.array(step.attribute("epsilon", 1e-5), np.float32))
    to.operator("MEAN", [tensor, over], [mean], "ReducerOptions", keepDims=True)
    to.of_two("SUB", tensor, mean, centred)
    to.of_two("MUL", centred, centred, squares)
    to.operator("MEAN", [squares, over], [variance], "ReducerOptions", keepDims=True)
    to.of_two("ADD", variance, epsilon, safe)
    to.operator("RSQRT", [safe], [factor])
    to.of_two("MUL", centred, factor, made)
    return made


def _scaled(step: Step, to: Lowering, tensor: int, made: int, shape: Sequence[int], factors: Sequence[Array]) -> None:
    """Write what is standardised, multiplied and added to."""
    scale, *shift = factors
    between = to.temporary(f"{step.node.name} scaled", shape) if shift else made
    to.of_two("MUL", tensor, to.constant("factor", scale), between)
    if shift:
        to.of_two("ADD", between, to.constant("summand", shift[0]), made)
