"""An ONNX file entropy-coded, ``.pfz``: smaller on disk and on the wire, and byte for byte the same once decoded."""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...spaces.errors import ParefrontError
from ...spaces.files import read_bytes
from ...spaces.limits import MODEL_BYTES
from . import huffman
from .inflated import Inflated
from .protobuf import nested

MAGIC, VERSION = b"\x89PFZ", 1
_HEAD = struct.Struct("<4sHI32sQQQ")
"""Magic bytes, version, CRC-32 of the whole file; the original's SHA-256 and size; streams; bytes of their index."""
_STREAM = np.dtype([("start", "<u8"), ("count", "<u8"), ("stored", "<u8"), ("stride", "u1"), ("method", "u1")])
RAW, ZLIB, HUFFMAN = range(3)
_RAW_DATA = (7, 5, 9)
"""Field numbers in onnx.proto: ModelProto.graph, GraphProto.initializer, TensorProto.raw_data."""
_SMALLEST = 256
"""Bytes of an initialiser below which it stays with the rest of the file."""
_EXPANSION = 1032
"""Bytes that zlib makes of one at most."""


class PfzError(ParefrontError):
    """A file that cannot be decoded: not a ``.pfz`` file, of another version, or corrupted."""


@dataclass(frozen=True, eq=False)
class _Stream:
    """Every ``stride``-th byte of the original from ``start`` on; the method that takes the fewest bytes, ``cost``."""

    start: int
    stride: int
    symbols: np.ndarray
    method: int
    cost: int


def encode(data: bytes) -> bytes:
    """An ONNX file's bytes as a ``.pfz`` file's; :func:`decode` gives exactly ``data`` back.

    Han, Mao, Dally 2016, "Deep Compression", section 4, codes indices of shared weights by Huffman's method. Here each
    initialiser's bytes get a code table of their own, or, for each byte of 4-byte values, four (the exponents of floats
    repeat, their fractions do not); where zlib or the bytes as they are take less, these are kept. The rest of the file
    goes through zlib.

    What it gives depends on the weights. Of the bytes of four 64 → 64 3 × 3 convolutions with Laplace-distributed
    weights it leaves 0.84 (zlib alone 0.93) of floats, 0.76 (0.79) of 256 clusters, 0.85 (0.86) of 16, 0.71 (0.83) of
    90 % zeros, 0.55 (0.65) of these in 16 clusters, 0.82 (0.83) of int8: up to a sixth beyond zlib, often little. What
    the policy saves is more.

    Raises:
        PfzError: where ``data`` is not a protobuf message, or of 2 GB or more.
    """
    if len(data) > MODEL_BYTES:
        raise PfzError(f"expected an ONNX model of at most {MODEL_BYTES} bytes, got {len(data)}")
    flat = np.frombuffer(data, np.uint8)
    try:
        places = [(start, stop) for start, stop in nested(data, _RAW_DATA) if stop - start >= _SMALLEST]
    except ValueError as error:
        raise PfzError(f"expected an ONNX model: {error}") from None
    streams = [stream for start, stop in places for stream in _streams(flat[start:stop], start)]
    index, payload = np.zeros(len(streams), _STREAM), []
    tables, blocks = [], []
    for entry, stream in zip(index, streams, strict=True):
        stored = _stored(stream)
        if isinstance(stored, huffman.Coded):
            tables.append(stored.lengths.tobytes())
            blocks.append(stored.block_bytes.astype("<u2").tobytes())
            stored = stored.payload
        entry["start"], entry["count"], entry["stride"] = stream.start, len(stream.symbols), stream.stride
        entry["method"], entry["stored"] = stream.method, len(stored)
        payload.append(stored)
    rest = flat[_rest(len(flat), index)].tobytes()
    held = zlib.compress(b"".join([index.tobytes(), *tables, *blocks, rest]), 9)
    fields = (hashlib.sha256(data).digest(), len(data), len(streams), len(held))
    body = b"".join([held, *payload])
    checksum = zlib.crc32(body, zlib.crc32(_HEAD.pack(MAGIC, VERSION, 0, *fields)))
    return _HEAD.pack(MAGIC, VERSION, checksum, *fields) + body


def decode(packed: bytes) -> bytes:
    """The bytes that :func:`encode` was given.

    Raises:
        PfzError: where ``packed`` is not of this format or version, or anything in it has changed.
    """
    if packed[:4] != MAGIC:
        raise PfzError("expected a file that `parefront pack` has written")
    if len(packed) < _HEAD.size:
        raise PfzError("the file is cut short")
    _, version, checksum, *fields = _HEAD.unpack_from(packed)
    if version != VERSION:
        raise PfzError(f"the file is of version {version}; this parefront reads version {VERSION}")
    body = packed[_HEAD.size :]
    if zlib.crc32(body, zlib.crc32(_HEAD.pack(MAGIC, VERSION, 0, *fields))) != checksum:
        raise PfzError("the file is corrupted or cut short: its checksum is wrong")
    sha256, size, streams, held = fields
    try:
        data = _restored(body[:held], body[held:], size, streams)
    except (ValueError, zlib.error) as error:
        raise PfzError(f"the file is corrupted: {error}") from None
    if hashlib.sha256(data).digest() != sha256:
        raise PfzError("the file is corrupted: what it decodes to has another SHA-256 than the original")
    return data


def load_packed(path: Path | str) -> bytes:
    """The ONNX file in a ``.pfz`` file, as ``onnxruntime.InferenceSession`` takes it.

    Raises:
        PfzError: where it cannot be decoded; names the file.
        UnreadableFile: where there is no such file.
    """
    try:
        return decode(read_bytes(Path(path), MODEL_BYTES, follow=True))
    except PfzError as error:
        raise PfzError(f"{path}: {error}") from None


def _streams(raw: np.ndarray, start: int) -> list[_Stream]:
    """An initialiser as one stream or, where that takes fewer bytes, as one for each byte of 4-byte values."""
    ways = [
        [_stream(raw[offset::stride], start + offset, stride) for offset in range(stride)]
        for stride in (1, 4)
        if len(raw) % stride == 0
    ]
    return min(ways, key=lambda way: sum(stream.cost for stream in way))


def _stream(symbols: np.ndarray, start: int, stride: int) -> _Stream:
    costs = (len(symbols), len(zlib.compress(symbols.tobytes(), 9)), huffman.coded_bytes(symbols))
    method = min((RAW, ZLIB, HUFFMAN), key=lambda method: costs[method])
    return _Stream(start, stride, symbols, method, costs[method])


def _stored(stream: _Stream) -> bytes | huffman.Coded:
    if stream.method == HUFFMAN:
        return huffman.encode(stream.symbols)
    raw = stream.symbols.tobytes()
    return zlib.compress(raw, 9) if stream.method == ZLIB else raw


def _restored(packed: bytes, payload: bytes, size: int, streams: int) -> bytes:
    """The original. All that the file says of sizes is checked against what is there before memory is taken for it.

    Args:
        packed: index, tables of codes, sizes of blocks and the rest of the original, as zlib has left them.
        payload: what the streams have been coded to, one after the other.
        size: bytes of the original.
        streams: entries of the index.

    Raises:
        ValueError: where the parts do not fit together; ``zlib.error`` where one cannot be decompressed.
    """
    if size > min(MODEL_BYTES, _EXPANSION * (len(packed) + len(payload))) or streams > min(size, len(payload)):
        raise ValueError(f"{len(packed) + len(payload)} bytes cannot hold {streams} streams of {size} bytes")
    held = Inflated(packed)
    index = np.frombuffer(held.take(streams * _STREAM.itemsize), _STREAM)
    _check_sizes(index, len(payload), size)
    coded = index[index["method"] == HUFFMAN]
    blocks = -(-coded["count"].astype(np.int64) // huffman.BLOCK)
    tables = np.frombuffer(held.take(256 * len(coded)), np.uint8).reshape(-1, 256)
    sizes = np.frombuffer(held.take(2 * int(blocks.sum())), "<u2")
    data, rest = np.empty(size, np.uint8), _rest(size, index)
    data[rest] = np.frombuffer(held.take(size - int(index["count"].sum())), np.uint8)
    held.end()
    stored = list(_cut(payload, index["stored"]))
    parts = [part for part, method in zip(stored, index["method"], strict=True) if method == HUFFMAN]
    each = zip(coded["count"].tolist(), tables, np.split(sizes, np.cumsum(blocks)[:-1]), parts, strict=False)
    symbols = iter(huffman.decode([huffman.Coded(count, table, taken, part) for count, table, taken, part in each]))
    for entry, part in zip(index, stored, strict=True):
        data[_slice(entry)] = next(symbols) if entry["method"] == HUFFMAN else _symbols(entry, part)
    return data.tobytes()


def _check_sizes(index: np.ndarray, payload: int, size: int) -> None:
    """Raise ``ValueError`` where streams lie outside of the original, or hold more than their bytes can."""
    counts, stored = index["count"].tolist(), index["stored"].tolist()
    if sum(stored) != payload or sum(counts) > size:
        raise ValueError(f"its streams have {sum(stored)} bytes for {sum(counts)}, in {payload} for {size}")
    most = {RAW: 1, ZLIB: _EXPANSION, HUFFMAN: 8}
    for start, count, taken, stride, method in index.tolist():
        if method not in most or not 0 < count <= most[method] * taken or (method == RAW and count != taken):
            raise ValueError(f"a stream of method {method} has {taken} bytes for {count}")
        if stride == 0 or start + (count - 1) * stride >= size:
            raise ValueError(f"a stream of {count} bytes, {stride} apart, begins at byte {start} of {size}")


def _symbols(entry: np.void, part: bytes) -> np.ndarray:
    """What a stream that is kept as it is, or went through zlib, was made from."""
    if entry["method"] == ZLIB:
        inflated = Inflated(part)
        part = inflated.take(int(entry["count"]))
        inflated.end()
    return np.frombuffer(part, np.uint8)


def _rest(size: int, index: np.ndarray) -> np.ndarray:
    """A mask of the original's bytes that no stream holds; ``ValueError`` where two hold the same."""
    rest = np.ones(size, bool)
    for entry in index:
        if not rest[_slice(entry)].all():
            raise ValueError(f"two streams hold bytes from byte {entry['start']} on")
        rest[_slice(entry)] = False
    return rest


def _slice(entry: np.void) -> slice:
    start, stride = int(entry["start"]), int(entry["stride"])
    return slice(start, start + int(entry["count"]) * stride, stride)


def _cut(payload: bytes, sizes: np.ndarray) -> Iterator[bytes]:
    start = 0
    for size in sizes.tolist():
        yield payload[start : start + size]
        start += size
