"""An image of a dataset as a small PNG, written with the standard library alone."""

from __future__ import annotations

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

from ...spaces.tensors.batch import Array

SIDE = 32
"""Pixels of its longer side, at most."""


def png_of(image: Array) -> bytes:
    """The image, from its darkest value as black to its brightest as white; nothing of what is no image.

    Args:
        image: floating point numbers of any scale, shape ``(1 or 3, height, width)``.
    """
    if image.ndim != 3 or image.shape[0] not in (1, 3) or min(image.shape[1:]) < 2 or image.dtype.kind != "f":
        return b""
    small = _smaller(image.astype(np.float64))
    low, high = float(small.min()), float(small.max())
    pixels = np.round(255 * (small - low) / ((high - low) or 1.0)).astype(np.uint8)
    return _png(np.ascontiguousarray(pixels.transpose(1, 2, 0)))


def _smaller(image: NDArray[np.float64]) -> NDArray[np.float64]:
    """The means of squares of pixels, so that no side is longer than :data:`SIDE`; what is left over is cut off."""
    step = -(-max(image.shape[1:]) // SIDE)
    height, width = (max(1, size // step) for size in image.shape[1:])
    cut = image[:, : height * step, : width * step]
    if cut.shape[1] < height * step or cut.shape[2] < width * step:  # a side that is shorter than one square
        return np.asarray(image[:, ::step, ::step])
    return np.asarray(cut.reshape(len(image), height, step, width, step).mean((2, 4)))


def _png(pixels: NDArray[np.uint8]) -> bytes:
    """PNG (W3C, third edition) of 8 bits a sample, grey or RGB, every line with filter 0."""
    height, width, channels = pixels.shape
    lines = b"".join(b"\0" + line.tobytes() for line in pixels)
    header = struct.pack(">IIBBBBB", width, height, 8, 2 if channels == 3 else 0, 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(lines, 9)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in parts)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
