"""Operators that move numbers and compute nothing, and those that compute one number of an axis."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .flatbuffer import Quantization
from .lowering import Lowering, Order, Step
from .source import FREE

REDUCTIONS = {"ReduceMean": "MEAN", "ReduceSum": "SUM", "ReduceMax": "REDUCE_MAX", "ReduceMin": "REDUCE_MIN"}
GLOBAL = {"GlobalAveragePool": "MEAN", "GlobalMaxPool": "REDUCE_MAX"}
_MOST = 127
"""The code of 1 where a weight is 1."""
_LAST_AXIS = {0: 0, 1: 3, 2: 1, 3: 2}
"""Where an axis of ONNX's order stands with channels last."""


def reshape(step: Step, to: Lowering) -> None:
    """``Reshape``, ``Flatten``, ``Squeeze``, ``Unsqueeze``: the same numbers in another shape."""
    source = step.inputs[0]
    shape, free = to.shape(step.output), to.free(step.output)
    target = [FREE if size == FREE else fixed for size, fixed in zip(free, shape, strict=True)]
    if target.count(FREE) > 1:
        raise step.node.refuse("to a shape of which two sizes depend on the batch")
    tensor, made = to.any_order(source), to.give(step.output)
    sizes = to.constant("shape", np.array(target, np.int32))
    to.operator("RESHAPE", [tensor, sizes], [made], "ReshapeOptions", newShape=target)


def transpose(step: Step, to: Lowering) -> None:
    """``Transpose``."""
    rank = len(to.shape(step.inputs[0]))
    perm = [int(axis) for axis in step.attribute("perm") or reversed(range(rank))]
    tensor, made = to.read(step.inputs[0]), to.give(step.output)
    to.operator(
        "TRANSPOSE", [tensor, to.constant("perm", np.array(perm, np.int32))], [made], "TransposeOptions"
    )  # fmt: skip


def identity(step: Step, to: Lowering) -> None:
    """``Identity`` and ``Dropout``, as a reshape to the same shape."""
    order = to.order(step.inputs[0])
    shape, free = to.shape(step.output, order), to.free(step.output)[:1] == (FREE,)
    to.reshape(to.read(step.inputs[0], order), to.give(step.output, order), shape, free)


def concat(step: Step, to: Lowering) -> None:
    """``Concat``; of integers those of another scale are rescaled first."""
    rank = len(to.shape(step.output))
    axis, order = int(step.attribute("axis")) % rank, to.order(*step.inputs)
    quantization = to.quantization(step.output)
    if quantization is None:
        tensors = [to.read(name, order) for name in step.inputs]
    else:
        tensors = [to.requantized(name, order, quantization) for name in step.inputs]
    to.operator(
        "CONCATENATION", tensors, [to.give(step.output, order)], "ConcatenationOptions", axis=_axis(axis, order),
        fusedActivationFunction=int(to.schema.ActivationFunctionType.NONE),
    )  # fmt: skip


def slices(step: Step, to: Lowering) -> None:
    """``Slice`` with constant bounds and steps that go forwards."""
    names = [*step.inputs[1:], "", ""][:4]
    if any(name and not to.source.is_constant(name) for name in names):
        raise step.node.refuse("with computed bounds")
    starts, ends, axes, steps = ([int(v) for v in to.source.constants[n]] if n else [] for n in names)
    shape = to.shape(step.inputs[0])
    begins, stops, strides = [0] * len(shape), list(shape), [1] * len(shape)
    whole = set(range(len(shape)))
    for place, (start, end) in enumerate(zip(starts, ends, strict=True)):
        axis = (axes[place] if axes else place) % len(shape)
        begins[axis], stops[axis], strides[axis] = slice(start, end, steps[place] if steps else 1).indices(shape[axis])
        whole.discard(axis)
    if min(strides) < 1 or (0 not in whole and to.free(step.inputs[0])[:1] == (FREE,)):
        raise step.node.refuse("backwards, or of the batch")
    if len(shape) == 4 and whole >= {0, 1} and not any(begins) and stops == list(shape) and max(strides) > 1:
        return _thinned(step, to, strides[2:])
    _strided(step, to, step.output, begins, stops, strides, whole)


def _thinned(step: Step, to: Lowering, strides: Sequence[int]) -> None:
    """Every second pixel, or so: a depthwise convolution with ones, which XNNPACK has, and slices with a step not."""
    channels, quantization = to.shape(step.output)[1], to.quantization(step.output)
    if quantization is None:
        weight, bias = to.constant("ones", np.ones((1, 1, 1, channels), np.float32)), np.zeros(channels, np.float32)
        held = to.constant("no bias", bias)
    else:
        scale = np.full(channels, 1 / _MOST, np.float32)
        codes = np.full((1, 1, 1, channels), _MOST, np.int8)
        weight = to.constant("ones", codes, Quantization(scale, 0, 3))
        none = np.zeros(channels, np.int32)
        held = to.constant("no bias", none, Quantization(np.float32(quantization.scale) * scale))
    tensor, made = to.read(step.inputs[0], Order.LAST), to.give(step.output, Order.LAST)
    to.operator(
        "DEPTHWISE_CONV_2D", [tensor, weight, held], [made], "DepthwiseConv2DOptions",
        padding=int(to.schema.Padding.VALID), strideH=strides[0], strideW=strides[1], dilationHFactor=1,
        dilationWFactor=1, depthMultiplier=1, fusedActivationFunction=int(to.schema.ActivationFunctionType.NONE),
    )  # fmt: skip


def split(step: Step, to: Lowering) -> None:
    """``Split``, as slices."""
    shape = to.shape(step.inputs[0])
    axis, begin = int(step.attribute("axis", 0)) % len(shape), 0
    if axis == 0:
        raise step.node.refuse("of the batch")
    for name in step.node.outputs:
        size = to.shape(name)[axis]
        begins, stops = [0] * len(shape), list(shape)
        begins[axis], stops[axis] = begin, begin + size
        _strided(step, to, name, begins, stops, [1] * len(shape), set(range(len(shape))) - {axis})
        begin += size


def _strided(
    step: Step, to: Lowering, output: str, begins: Sequence[int], stops: Sequence[int], strides: Sequence[int],
    whole: set[int],
) -> None:  # fmt: skip
    order = to.order(step.inputs[0])
    turned = [(0, 2, 3, 1), range(len(begins))][order is Order.PLAIN]
    bounds = [[each[axis] for axis in turned] for each in (begins, stops, strides)]
    mask = sum(1 << _axis(axis, order) for axis in whole)
    tensor, made = to.read(step.inputs[0], order), to.give(output, order)
    to.strided(tensor, made, bounds, mask)


def pad(step: Step, to: Lowering) -> None:
    """``Pad`` with zeros, another constant, or what is reflected."""
    names = [*step.inputs[1:], "", ""][:3]
    if any(name and not to.source.is_constant(name) for name in names):
        raise step.node.refuse("with computed widths")
    rank, order = len(to.shape(step.inputs[0])), to.order(step.inputs[0])
    given = [int(width) for width in to.source.constants[names[0]]]
    axes = [int(axis) % rank for axis in to.source.constants[names[2]]] if names[2] else list(range(rank))
    widths = np.zeros((rank, 2), np.int32)
    for place, axis in enumerate(axes):
        widths[_axis(axis, order)] = given[place], given[len(axes) + place]
    value = float(to.source.floats(names[1]).reshape(())) if names[1] else 0.0
    mode = step.attribute("mode", b"constant").decode()
    if widths.min() < 0 or mode not in ("constant", "reflect") or (step.integers and value):
        raise step.node.refuse(f"in mode {mode}, or by less than nothing")
    tensor, made = to.read(step.inputs[0], order), to.give(step.output, order)
    held = to.constant("paddings", widths)
    if mode == "reflect":
        to.operator(
            "MIRROR_PAD", [tensor, held], [made], "MirrorPadOptions", mode=int(to.schema.MirrorPadMode.REFLECT)
        )  # fmt: skip
    elif value:
        filled = to.constant("filled", np.array([value], np.float32))
        to.operator("PADV2", [tensor, held, filled], [made], "PadV2Options")
    else:
        to.operator("PAD", [tensor, held], [made], "PadOptions")


def reduce(step: Step, to: Lowering) -> None:
    """A mean, sum, maximum or minimum over axes, or over all rows and columns."""
    source, rank = step.inputs[0], len(to.shape(step.inputs[0]))
    if step.node.kind in GLOBAL:
        kind, axes, keeps = GLOBAL[step.node.kind], list(range(2, rank)), True
    else:
        kind, keeps = REDUCTIONS[step.node.kind], bool(step.attribute("keepdims", 1))
        named = step.inputs[1] if len(step.inputs) > 1 else ""
        if named and not to.source.is_constant(named):
            raise step.node.refuse("over computed axes")
        given = to.source.constants[named] if named else step.attribute("axes") or range(rank)
        axes = [int(axis) % rank for axis in given]
    if 0 in axes:
        raise step.node.refuse("over the batch")
    order = to.order(source)
    if not keeps and order is Order.LAST and len(axes) < 2:
        order = Order.PLAIN  # what is left has an order of three axes
    made = to.give(step.output, order if keeps else Order.PLAIN)
    over = to.constant("axes", np.array(sorted(_axis(axis, order) for axis in axes), np.int32))
    to.operator(kind, [to.read(source, order), over], [made], "ReducerOptions", keepDims=keeps)


def resize(step: Step, to: Lowering) -> None:
    """``Resize`` of rows and columns: linear, or to the nearest below, as LiteRT has them."""
    shape, wanted = to.shape(step.inputs[0]), to.shape(step.output)
    mode = step.attribute("mode", b"nearest").decode()
    places = step.attribute("coordinate_transformation_mode", b"half_pixel").decode()
    if len(shape) != 4 or shape[:2] != wanted[:2]:
        raise step.node.refuse("of other than rows and columns")
    told = {
        "alignCorners": places == "align_corners",
        "halfPixelCenters": places in ("half_pixel", "pytorch_half_pixel"),
    }
    sizes = to.constant("size", np.array(wanted[2:], np.int32))
    tensor, made = to.read(step.inputs[0], Order.LAST), to.give(step.output, Order.LAST)
    if mode == "linear" and places in ("half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric"):
        to.operator("RESIZE_BILINEAR", [tensor, sizes], [made], "ResizeBilinearOptions", **told)
    elif mode == "nearest" and places == "asymmetric" and step.attribute("nearest_mode", b"") == b"floor":
        to.operator("RESIZE_NEAREST_NEIGHBOR", [tensor, sizes], [made], "ResizeNearestNeighborOptions")
    else:
        raise step.node.refuse(f"in mode {mode} and {places}")


def depth_to_space(step: Step, to: Lowering) -> None:
    """``DepthToSpace`` whose channels come block by block."""
    if step.attribute("mode", b"DCR") != b"DCR":
        raise step.node.refuse("in mode CRD")
    tensor, made = to.read(step.inputs[0], Order.LAST), to.give(step.output, Order.LAST)
    size = int(step.attribute("blocksize"))
    to.operator("DEPTH_TO_SPACE", [tensor], [made], "DepthToSpaceOptions", blockSize=size)


def _axis(axis: int, order: Order) -> int:
    return axis if order is Order.PLAIN else _LAST_AXIS[axis]
