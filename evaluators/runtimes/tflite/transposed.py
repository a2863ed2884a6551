"""Transposed convolutions, as convolutions whose channels become rows and columns.

LiteRT's own ``TRANSPOSE_CONV`` has the size of its output in the file, and with it the batch, which is to stay free.
A transposed convolution with a stride s gives s · s interleaved images, each of which is a plain convolution with
every s-th element of the kernel (Shi et al. 2016, "Is the deconvolution layer the same as a convolutional layer?").
"""

from __future__ import annotations

import numpy as np

from .lowering import Lowering, Order, Step
from .source import Array
from .windows import Window, activation_of, padded

_OTHERS = 0b1001
"""The batch and the channels, of which all is kept, as bits."""


def transposed_convolution(step: Step, to: Lowering) -> None:
    """``ConvTranspose`` over rows and columns, in floats."""
    source, weight, *more = step.inputs
    shape, wanted = to.shape(source), to.shape(step.output)
    strides = tuple(step.attribute("strides") or (1, 1))
    begins = tuple(step.attribute("pads") or (0, 0, 0, 0))[:2]
    if len(shape) != 4:
        raise step.node.refuse(f"inputs of {len(shape)} axes, not 4")
    if any(name and not to.source.is_constant(name) for name in (weight, *more)):
        raise step.node.refuse("with a computed weight")
    if step.attribute("auto_pad", b"NOTSET") != b"NOTSET" or step.attribute("output_shape"):
        raise step.node.refuse("with auto_pad or output_shape")
    if step.attribute("group", 1) != 1 or len(set(strides)) > 1 or set(step.attribute("dilations") or (1, 1)) != {1}:
        raise step.node.refuse("in groups, with dilations, or with a stride of rows that is not that of columns")
    stride = strides[0]
    kernels = _interleaved(to.source.floats(weight), stride)
    count, *reach, _ = kernels.shape
    rows, columns = ((shape[2 + axis] + reach[axis] - 1) for axis in (0, 1))
    if any(begins[axis] + wanted[2 + axis] > stride * size for axis, size in enumerate((rows, columns))):
        raise step.node.refuse("with an output that reaches beyond the kernel")
    bias = np.zeros(wanted[1], np.float32) if not more or not more[0] else to.source.floats(more[0])
    around = (reach[0] - 1, reach[1] - 1)
    window = Window(tuple(reach), (1, 1), (1, 1), around, around, False, shape)
    tensor = padded(step, to, to.read(source, Order.LAST), window, None)
    made = to.give(step.output, Order.LAST)
    sizes = (shape[0], stride * rows, stride * columns, wanted[1])
    is_whole = sizes[1:3] == wanted[2:]
    images = made
    if stride > 1 or not is_whole:
        images = to.temporary(f"{step.node.name} images", (shape[0], rows, columns, count))
    to.operator(
        "CONV_2D",
        [tensor, to.constant(weight, kernels), to.constant(f"{step.node.name} bias", np.tile(bias, stride * stride))],
        [images], "Conv2DOptions", padding=int(to.schema.Padding.VALID), strideW=1, strideH=1, dilationWFactor=1,
        dilationHFactor=1, fusedActivationFunction=activation_of(step, to),
    )  # fmt: skip
    if stride > 1:
        inner = made if is_whole else to.temporary(f"{step.node.name} whole", sizes)
        to.operator("DEPTH_TO_SPACE", [images], [inner], "DepthToSpaceOptions", blockSize=stride)
        images = inner
    if not is_whole:
        ends = [begin + size for begin, size in zip(begins, wanted[2:], strict=True)]
        bounds = ([0, *begins, 0], [shape[0], *ends, wanted[1]], [1, 1, 1, 1])
        to.strided(images, made, bounds, _OTHERS)


def _interleaved(weight: Array, stride: int) -> Array:
    """The kernels of all images, ``(stride · stride · outputs, rows, columns, inputs)``, of ``(inputs, outputs, …)``.

    The image of remainder r has the elements r, r + stride, … of the kernel, the last one first.
    """
    inputs, outputs, *kernel = weight.shape
    reach = [-(-size // stride) for size in kernel]
    widths = [(0, 0), (0, 0), *((0, count * stride - size) for count, size in zip(reach, kernel, strict=True))]
    split = np.pad(weight, widths).reshape(inputs, outputs, reach[0], stride, reach[1], stride)
    turned = split[:, :, ::-1, :, ::-1].transpose(3, 5, 1, 2, 4, 0)
    return np.ascontiguousarray(turned).reshape(stride * stride * outputs, *reach, inputs)
