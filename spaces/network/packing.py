"""Weights in fewer bytes: repeated and zero values packed in the file, and unpacked by the graph when it is loaded.

Unpacking is written as ONNX functions of constants. ONNX Runtime inlines and folds them when a session is made, so a
packed weight costs load time, but nothing at inference.
"""

from __future__ import annotations

import ml_dtypes
import numpy as np
import onnx_ir as ir
from torch import nn

from .emission import Builder

DOMAIN = "parefront"
_OVERHEAD = 330
"""Bytes that the nodes and names of one unpacking take, about; the functions themselves are in a file once."""

# Each code is masked where it lies and shifted last, so that no shift drops a bit that is set: OpenVINO 2026.4 divides
# by a power of two instead of shifting, and rounds.
_UNPACK = """
<domain: "parefront", opset_import: ["": 21]>
Unpack{bits} (packed, values, shape) => (unpacked)
{{
    shifts = Constant <value = uint8[{each}] {{{shifts}}}> ()
    masks = Constant <value = uint8[{each}] {{{masks}}}> ()
    first = Constant <value_ints = [0]> ()
    second = Constant <value_ints = [1]> ()
    flat = Constant <value_ints = [-1]> ()
    column = Unsqueeze(packed, second)
    masked = BitwiseAnd(column, masks)
    codes = BitShift <direction = "RIGHT"> (masked, shifts)
    wide = Cast <to = 6> (codes)
    row = Reshape(wide, flat)
    count = ReduceProd(shape)
    index = Slice(row, first, count)
    chosen = Gather(values, index)
    unpacked = Reshape(chosen, shape)
}}
"""
_UNPACK3 = """
<domain: "parefront", opset_import: ["": 21]>
Unpack3 (packed, values, shape) => (unpacked)
{
    shifts = Constant <value = uint8[8] {0, 1, 2, 3, 4, 5, 6, 7}> ()
    masks = Constant <value = uint8[8] {1, 2, 4, 8, 16, 32, 64, 128}> ()
    planes = Constant <value_ints = [-1, 3, 8]> ()
    places = Constant <value = int32[3, 1] {1, 2, 4}> ()
    first = Constant <value_ints = [0]> ()
    second = Constant <value_ints = [1]> ()
    flat = Constant <value_ints = [-1]> ()
    column = Unsqueeze(packed, second)
    masked = BitwiseAnd(column, masks)
    set = BitShift <direction = "RIGHT"> (masked, shifts)
    wide = Cast <to = 6> (set)
    grouped = Reshape(wide, planes)
    placed = Mul(grouped, places)
    codes = ReduceSum <keepdims = 0> (placed, second)
    row = Reshape(codes, flat)
    count = ReduceProd(shape)
    index = Slice(row, first, count)
    chosen = Gather(values, index)
    unpacked = Reshape(chosen, shape)
}
"""
_SPREAD = """
<domain: "parefront", opset_import: ["": 21, "parefront": 1]>
Spread (mask, values, shape) => (spread)
{
    bits = Constant <value = int32[2] {0, 1}> ()
    axis = Constant <value_int = 0> ()
    count = ReduceProd(shape)
    set = parefront.Unpack1(mask, bits, count)
    ranks = CumSum(set, axis)
    index = Mul(ranks, set)
    chosen = Gather(values, index)
    spread = Reshape(chosen, shape)
}
"""


def mark_packed(layer: nn.Module) -> None:
    """Have the weight of ``layer`` packed when it is emitted."""
    layer.packed = True  # type: ignore[assignment]


def is_packed(layer: nn.Module) -> bool:
    """Whether the weight of a layer is to be packed."""
    return bool(getattr(layer, "packed", False))


def packed(builder: Builder, name: str, array: np.ndarray) -> ir.Value:
    """``array`` as a value of the graph, in the form that takes the fewest bytes; always exactly ``array``.

    The forms, for n values of which k are distinct: as it is; 4-bit integers; 1, 2, 3, 4 or 8 bits for each value and a
    table of k; one bit for each value, and those that are not zero (Deep Compression, Han et al. 2016, section 2, with
    a bit mask in place of relative indices), these again with a table where that is shorter.

    Args:
        name: of the initialisers, behind the layer's.
        array: float32 or int8 weights, any shape.
    """
    values, codes = np.unique(array, return_inverse=True)
    bits = next((b for b in (1, 2, 3, 4, 8) if len(values) <= 2**b), 32)
    count, each, kept = array.size, array.itemsize, int(np.count_nonzero(array))
    tabled = bits < 8 * each
    table = len(values) * each + _OVERHEAD
    sizes = {
        "dense": count * each,
        "table": count * bits // 8 + table if tabled else np.inf,
        "sparse": count // 8 + kept * each + _OVERHEAD,
        "sparse table": count // 8 + kept * bits // 8 + table + _OVERHEAD if tabled else np.inf,
    }
    form = min(sizes, key=lambda key: sizes[key])
    if form == "dense":
        return builder.constant(name, array)
    if form == "table":
        return _table(builder, name, array, values, codes.reshape(-1), bits)
    chosen = np.concatenate([np.zeros(1, array.dtype), array[array != 0]])
    if form == "sparse table":
        held = _table(builder, f"{name}.kept", chosen, values, np.searchsorted(values, chosen), bits)
    else:
        held = builder.constant(f"{name}.kept", chosen)
    builder.function(_unpack(1))
    builder.function(_SPREAD)
    mask = builder.constant(f"{name}.mask", pack((array != 0).reshape(-1), 1))
    return builder.node("Spread", [mask, held, _shape(builder, name, array)], domain=DOMAIN, suffix=f".{name}")[0]


def pack(codes: np.ndarray, bits: int) -> np.ndarray:
    """Codes below ``2**bits``, shape ``(n,)``, as uint8 of shape ``(ceil(n · bits / 8),)``, the first lowest.

    Of 3 bits eight codes are three bytes, the first of their lowest bits, the last of their highest ones.
    """
    if bits == 3:
        eights = np.zeros(-(-codes.size // 8) * 8, np.uint8)
        eights[: codes.size] = codes
        planes = eights.reshape(-1, 1, 8) >> np.arange(3, dtype=np.uint8).reshape(-1, 1) & 1
        return np.packbits(planes, bitorder="little")
    each = 8 // bits
    padded = np.zeros(-(-codes.size // each) * each, np.uint8)
    padded[: codes.size] = codes
    shifted = padded.reshape(-1, each) << np.arange(0, 8, bits, dtype=np.uint8)
    return np.asarray(np.bitwise_or.reduce(shifted, axis=1), np.uint8)


def _table(
    builder: Builder, name: str, array: np.ndarray, values: np.ndarray, codes: np.ndarray, bits: int
) -> ir.Value:
    """``array`` = ``values[codes]``; integers of 4 bits in ONNX's own type for them."""
    if array.dtype == np.int8 and bits == 4 and values.min() >= -8 and values.max() <= 7:
        held = builder.constant(name, array.astype(ml_dtypes.int4))
        return builder.node("Cast", [held], {"to": int(ir.DataType.INT8)}, suffix=f".{name}")[0]
    builder.function(_unpack(bits))
    constants = [builder.constant(f"{name}.packed", pack(codes, bits)), builder.constant(f"{name}.values", values)]
    shape = _shape(builder, name, array)
    return builder.node(f"Unpack{bits}", [*constants, shape], domain=DOMAIN, suffix=f".{name}")[0]


def _shape(builder: Builder, name: str, array: np.ndarray) -> ir.Value:
    suffix = "kept_shape" if name.endswith(".kept") else "shape"
    return builder.constant(f"{name}.{suffix}", np.array(array.shape, np.int64))


def _unpack(bits: int) -> str:
    if bits == 3:
        return _UNPACK3
    shifts = range(0, 8, bits)
    masks = [(2**bits - 1) << shift for shift in shifts]
    written = {name: ", ".join(map(str, numbers)) for name, numbers in (("shifts", shifts), ("masks", masks))}
    return _UNPACK.format(bits=bits, each=len(shifts), **written)
