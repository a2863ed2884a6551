"""Canonical Huffman coding of bytes, written and read with numpy: all blocks of all streams are decoded in step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

LIMIT = 12
"""Longest code in bits, so that a table of 4,096 entries decodes a symbol at a time."""
BLOCK = 1024
"""Symbols of a block. Blocks begin at whole bytes and are decoded side by side, so a file takes 1,024 steps whatever
its size; the price is two and a half bytes for each block, 0.2 % of what is not compressed."""
_CHUNK = 512
"""Blocks that are encoded at a time, which bounds the memory that their bits take."""
_BLOCKS_OF_A_TABLE = 8
"""Blocks that take as much memory as a stream's table while they are decoded."""
_GROUP = 2**16
"""Blocks, tables among them, that are decoded at a time: some 64 MB."""


@dataclass(frozen=True, eq=False)
class Coded:
    """A stream of symbols, coded.

    Attributes:
        count: symbols.
        lengths: bits of each symbol's code, uint8 of shape ``(256,)``, 0 where a symbol does not occur; being
            canonical, the codes follow from these.
        block_bytes: of each block of 1,024 symbols, uint16.
        payload: the blocks, one after the other.
    """

    count: int
    lengths: np.ndarray
    block_bytes: np.ndarray
    payload: bytes


def encode(symbols: np.ndarray) -> Coded:
    """Code ``symbols``, uint8 of shape ``(n,)``, by how often each occurs."""
    lengths = code_lengths(np.bincount(symbols, minlength=256))
    codes = canonical_codes(lengths)
    payload, sizes = [], []
    for start in range(0, len(symbols), _CHUNK * BLOCK):
        written, taken = _write(symbols[start : start + _CHUNK * BLOCK], lengths, codes)
        payload.append(written)
        sizes.append(taken)
    return Coded(len(symbols), lengths, np.concatenate([np.zeros(0, np.uint16), *sizes]), b"".join(payload))


def coded_bytes(symbols: np.ndarray) -> int:
    """Bytes that ``symbols`` take when coded, with sizes of blocks and a table of codes, about."""
    counts = np.bincount(symbols, minlength=256)
    bits = int((counts * code_lengths(counts)).sum())
    return bits // 8 + 3 * -(-len(symbols) // BLOCK) + 128


def code_lengths(counts: np.ndarray) -> np.ndarray:
    """Bits of each symbol's code, uint8: 0 where its count is 0, else the best that are at most 12.

    The package-merge algorithm, Larmore, Hirschberg 1990, "A fast algorithm for optimal length-limited Huffman codes":
    where Huffman's code has no longer one, lengths take as many bits in all as his.

    Args:
        counts: how often each symbol occurs, shape ``(256,)``.
    """
    used = np.flatnonzero(counts)
    lengths = np.zeros(len(counts), np.uint8)
    if len(used) < 2:
        lengths[used] = 1
        return lengths
    leaves, leaf_weights = np.eye(len(used), dtype=np.uint8), counts[used].astype(np.int64)
    members, weights = leaves[:0], leaf_weights[:0]
    for _ in range(LIMIT):
        joined = np.concatenate([leaf_weights, weights])
        order = np.argsort(joined, kind="stable")
        sets = np.concatenate([leaves, members])[order]
        pairs = len(order) // 2
        members = sets[: 2 * pairs].reshape(pairs, 2, len(used)).sum(1, dtype=np.uint8)
        weights = joined[order][: 2 * pairs].reshape(pairs, 2).sum(1)
    lengths[used] = members[: len(used) - 1].sum(0)
    return lengths


def canonical_codes(lengths: np.ndarray) -> np.ndarray:
    """The codes of these lengths, int64: shorter ones first, and in the order of the symbols where equally long."""
    order, widths = _places(lengths)
    codes = np.zeros(len(lengths), np.int64)
    codes[order] = (np.cumsum(widths) - widths) // widths
    return codes


def decode(streams: Sequence[Coded]) -> list[np.ndarray]:
    """The symbols of each stream, uint8.

    Raises:
        ValueError: where the lengths are no prefix code's, or the blocks are not those of the payload.
    """
    for stream in streams:
        _check(stream)
    return [symbols for group in _groups(streams) for symbols in _decoded(group)]


def _groups(streams: Sequence[Coded]) -> Iterator[list[Coded]]:
    """Neighbouring streams, up to ``_GROUP`` tables and blocks together, or a single one with more blocks."""
    group: list[Coded] = []
    taken = 0
    for stream in streams:
        weight = _BLOCKS_OF_A_TABLE + len(stream.block_bytes)
        if group and taken + weight > _GROUP:
            yield group
            group, taken = [], 0
        group.append(stream)
        taken += weight
    if group:
        yield group


def _check(stream: Coded) -> None:
    blocks, taken = len(stream.block_bytes), int(stream.block_bytes.sum(dtype=np.int64))
    if blocks != -(-stream.count // BLOCK) or taken != len(stream.payload):
        raise ValueError(f"{blocks} blocks of {taken} bytes are not {stream.count} symbols in {len(stream.payload)}")
    if stream.lengths.max() > LIMIT or int(_places(stream.lengths)[1].sum()) > 2**LIMIT:
        raise ValueError("a table of code lengths is no prefix code's")


def _decoded(streams: Sequence[Coded]) -> list[np.ndarray]:
    blocks = [len(stream.block_bytes) for stream in streams]
    tables = np.concatenate([_table(stream.lengths) for stream in streams])
    sizes = np.concatenate([stream.block_bytes for stream in streams]).astype(np.int64)
    # A block that is done reads on until the others are, at most this far beyond the last one.
    rest = bytes(BLOCK * LIMIT // 8 + 4)
    held = np.frombuffer(b"".join([*(stream.payload for stream in streams), rest]), np.uint8).astype(np.uint32)
    words = held[:-2] << 16 | held[1:-1] << 8 | held[2:]
    table = np.repeat(np.arange(len(streams)), blocks) << LIMIT
    position = (np.cumsum(sizes) - sizes) * 8
    symbols = np.empty((BLOCK, len(sizes)), np.uint8)
    for step in range(min(BLOCK, max(stream.count for stream in streams))):
        window = words[position >> 3] >> (24 - LIMIT - (position & 7)) & (2**LIMIT - 1)
        entry = tables[table + window]
        symbols[step] = entry & 255
        position += entry >> 8
    rows = np.split(np.ascontiguousarray(symbols.T), np.cumsum(blocks)[:-1])
    return [part.reshape(-1)[: stream.count].copy() for part, stream in zip(rows, streams, strict=True)]


def _places(lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The symbols that occur, in canonical order, and how many of the 4,096 windows begin with the code of each."""
    order = np.argsort(lengths, kind="stable")[np.count_nonzero(lengths == 0) :]
    return order, np.int64(1) << (LIMIT - lengths[order].astype(np.int64))


def _table(lengths: np.ndarray) -> np.ndarray:
    """For every window of 12 bits the symbol whose code it begins with and, in the upper byte, the code's length."""
    order, widths = _places(lengths)
    entries = np.repeat(order | lengths[order].astype(np.int64) << 8, widths)
    table = np.zeros(2**LIMIT, np.uint16)
    table[: len(entries)] = entries
    return table


def _write(symbols: np.ndarray, lengths: np.ndarray, codes: np.ndarray) -> tuple[bytes, np.ndarray]:
    """The blocks of up to ``_CHUNK · BLOCK`` symbols, and the bytes of each."""
    blocks = -(-len(symbols) // BLOCK)
    taken = np.zeros(blocks * BLOCK, np.int64)
    taken[: len(symbols)] = lengths[symbols]
    ends = np.cumsum(taken.reshape(blocks, BLOCK), axis=1)
    sizes = -(-ends[:, -1] // 8)
    width = 8 * int(sizes.max())
    first = (ends - taken.reshape(blocks, BLOCK) + width * np.arange(blocks)[:, None]).reshape(-1)[: len(symbols)]
    bits = np.zeros(blocks * width, np.uint8)
    length, code = taken[: len(symbols)], codes[symbols]
    for bit in range(int(length.max())):
        has = length > bit
        bits[first[has] + bit] = code[has] >> (length[has] - 1 - bit) & 1
    packed = np.packbits(bits).reshape(blocks, -1)
    return packed[np.arange(packed.shape[1]) < sizes[:, None]].tobytes(), sizes.astype(np.uint16)
