"""Windows that move over rows and columns: how they are padded, which LiteRT does in two ways of its own alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from .flatbuffer import Quantization
from .lowering import Lowering, Order, Step
from .source import Shape


@dataclass(frozen=True)
class Window:
    """A window over rows and columns.

    Attributes:
        kernel: sizes.
        strides: between two places of it.
        dilations: between two of its elements.
        begins: rows above and columns left of the image.
        ends: rows below and columns right of it, as far as the last place of the window reaches.
        same: whether that is what LiteRT calls ``SAME``.
        shape: of the image, as ONNX has it.
    """

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    begins: tuple[int, ...]
    ends: tuple[int, ...]
    same: bool
    shape: Shape

    @classmethod
    def of(cls, step: Step, shape: Shape, outputs: Shape, kernel: Sequence[int]) -> Window:
        """Of a step that reads values of ``shape`` and gives those of the shape ``outputs``."""
        if step.attribute("auto_pad", b"NOTSET") not in (b"NOTSET", b"VALID"):
            raise step.node.refuse("with auto_pad")
        strides, dilations = (tuple(step.attribute(name) or (1, 1)) for name in ("strides", "dilations"))
        pads = tuple(step.attribute("pads") or (0, 0, 0, 0))
        begins, ends, same = [], [], []
        for axis in (0, 1):
            reach = (kernel[axis] - 1) * dilations[axis] + 1
            size, count, begin = shape[2 + axis], outputs[2 + axis], pads[axis]
            needed = (count - 1) * strides[axis] + reach
            total = max(needed - size, 0)
            begins.append(begin)
            ends.append(max(needed - size - begin, 0))
            same.append(count == -(-size // strides[axis]) and begin == total // 2 and begin + ends[-1] == total)
        return cls(tuple(kernel), strides, dilations, tuple(begins), tuple(ends), all(same), shape)

    @property
    def is_padded(self) -> bool:
        return any((*self.begins, *self.ends))


def padding_of(to: Lowering, window: Window) -> int:
    """What an operator is told: ``SAME`` where that is it, else ``VALID`` behind a padding of its own."""
    padding = to.schema.Padding
    return int(padding.SAME if window.is_padded and window.same else padding.VALID)


def padded(
    step: Step, to: Lowering, tensor: int, window: Window, quantization: Quantization | None, lowest: bool = False
) -> int:
    """The image with what LiteRT does not pad by itself; zeros, or where ``lowest`` what is less than anything."""
    if not window.is_padded or window.same:
        return tensor
    (top, left), (bottom, right) = window.begins, window.ends
    batch, channels, rows, columns = window.shape
    widths = to.constant("paddings", np.array([[0, 0], [top, bottom], [left, right], [0, 0]], np.int32))
    shape = (batch, rows + top + bottom, columns + left + right, channels)
    dtype = "float32" if quantization is None else "int8"
    made = to.temporary(f"{step.node.name} padded", shape, dtype, quantization)
    if lowest:
        value = np.array([np.finfo(np.float32).min if quantization is None else -128], np.dtype(dtype))
        to.operator("PADV2", [tensor, widths, to.constant("lowest", value, quantization)], [made], "PadV2Options")
    else:
        to.operator("PAD", [tensor, widths], [made], "PadOptions")
    return made


def activation_of(step: Step, to: Lowering) -> int:
    """The code of the fused activation."""
    return int(getattr(to.schema.ActivationFunctionType, step.activation))


def max_pool(step: Step, to: Lowering) -> None:
    """``MaxPool``."""
    window = _pooled(step, to)
    if any(dilation != 1 for dilation in window.dilations) or len(step.node.outputs) > 1:
        raise step.node.refuse("with dilations or indices")
    _pool(step, to, "MAX_POOL_2D", window, to.give(step.output, Order.LAST), lowest=True)


def average_pool(step: Step, to: Lowering) -> None:
    """``AveragePool``; what is padded counts as zeros, or does not count."""
    window = _pooled(step, to)
    if any(dilation != 1 for dilation in window.dilations):
        raise step.node.refuse("with dilations")
    counts = _counts(step, window, to.shape(step.output))
    made = to.give(step.output, Order.LAST)
    area = float(np.prod(window.kernel))
    excludes = window.is_padded and window.same  # LiteRT divides by what lies on the image then
    if not window.is_padded or (excludes and not step.attribute("count_include_pad", 0)):
        return _pool(step, to, "AVERAGE_POOL_2D", window, made)
    valid = replace(window, same=False)
    if np.all(counts == area):
        return _pool(step, to, "AVERAGE_POOL_2D", valid, made)
    if step.integers:
        raise step.node.refuse("in integers, with padding that does not count")
    between = to.temporary(f"{step.node.name} sums", to.shape(step.output, Order.LAST))
    _pool(step, to, "AVERAGE_POOL_2D", valid, between)
    factors = to.constant("factors", (area / counts).astype(np.float32)[np.newaxis, :, :, np.newaxis])
    to.of_two("MUL", between, factors, made)
    return None


def _pooled(step: Step, to: Lowering) -> Window:
    shape = to.shape(step.inputs[0])
    if len(shape) != 4:
        raise step.node.refuse(f"inputs of {len(shape)} axes, not 4")
    return Window.of(step, shape, to.shape(step.output), step.attribute("kernel_shape"))


def _counts(step: Step, window: Window, outputs: Shape) -> np.ndarray:
    """How many elements each place of the window counts."""
    pads = tuple(step.attribute("pads") or (0, 0, 0, 0)) if step.attribute("count_include_pad", 0) else (0, 0, 0, 0)
    of_each = []
    for axis in (0, 1):
        size, begin = window.shape[2 + axis], window.begins[axis]
        starts = np.arange(outputs[2 + axis]) * window.strides[axis] - begin
        first, last = np.maximum(starts, -pads[axis]), np.minimum(starts + window.kernel[axis], size + pads[2 + axis])
        of_each.append(last - first)
    return np.asarray(np.outer(*of_each), np.float64)


def _pool(step: Step, to: Lowering, kind: str, window: Window, made: int, lowest: bool = False) -> None:
    source = step.inputs[0]
    tensor = padded(step, to, to.read(source, Order.LAST), window, to.quantization(source), lowest)
    to.operator(
        kind, [tensor], [made], "Pool2DOptions", padding=padding_of(to, window), strideW=window.strides[1],
        strideH=window.strides[0], filterWidth=window.kernel[1], filterHeight=window.kernel[0],
        fusedActivationFunction=int(to.schema.ActivationFunctionType.NONE),
    )  # fmt: skip
