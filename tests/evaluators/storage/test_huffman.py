"""Canonical Huffman codes: the shortest there are, prefix-free, and decoded to what was encoded."""

from __future__ import annotations

import heapq
import itertools

import numpy as np
import pytest

from parefront.evaluators.storage.huffman import (
    BLOCK,
    LIMIT,
    canonical_codes,
    code_lengths,
    coded_bytes,
    decode,
    encode,
)

from ...clocks import times_as_long


def laplace(count: int, scale: float = 8.0, seed: int = 0) -> np.ndarray:
    drawn = np.random.default_rng(seed).laplace(128, scale, count)
    return np.clip(drawn, 0, 255).astype(np.uint8)


def counts_of(symbols: np.ndarray) -> np.ndarray:
    return np.bincount(symbols, minlength=256)


def huffman_bits(counts: np.ndarray) -> int:
    """Bits that Huffman's code takes: the sum of the weights of all inner nodes of its tree."""
    heap = [int(count) for count in counts if count]
    heapq.heapify(heap)
    bits = 0
    while len(heap) > 1:
        joined = heapq.heappop(heap) + heapq.heappop(heap)
        bits += joined
        heapq.heappush(heap, joined)
    return bits


@pytest.mark.parametrize("scale", [0.3, 2.0, 6.0, 60.0])
def test_codes_are_as_short_as_huffmans(scale: float) -> None:
    counts = counts_of(laplace(4000, scale))
    lengths = code_lengths(counts)
    assert int((counts * lengths).sum()) == huffman_bits(counts)


def test_codes_are_cut_at_the_limit_where_huffmans_are_longer() -> None:
    """Counts as Fibonacci's numbers give the longest codes of all."""
    counts = np.zeros(256, np.int64)
    counts[0] = counts[1] = 1
    for symbol in range(2, 24):
        counts[symbol] = counts[symbol - 1] + counts[symbol - 2]
    lengths = code_lengths(counts)
    assert lengths.max() == LIMIT
    assert (0.5 ** lengths[:24].astype(float)).sum() == 1
    assert huffman_bits(counts) < int((counts * lengths).sum()) < 1.01 * huffman_bits(counts)


def test_no_code_begins_with_another() -> None:
    lengths = code_lengths(counts_of(laplace(5000)))
    codes = canonical_codes(lengths)
    written = [f"{codes[symbol]:0{lengths[symbol]}b}" for symbol in np.flatnonzero(lengths)]
    for first, second in itertools.permutations(written, 2):
        assert not second.startswith(first)


def test_codes_are_canonical() -> None:
    """The example of RFC 1951, section 3.2.2: lengths 3, 3, 3, 3, 3, 2, 4, 4 of the letters A to H."""
    lengths = np.array([3, 3, 3, 3, 3, 2, 4, 4])
    assert canonical_codes(lengths).tolist() == [0b010, 0b011, 0b100, 0b101, 0b110, 0b00, 0b1110, 0b1111]


@pytest.mark.parametrize("count", [1, 2, BLOCK - 1, BLOCK, BLOCK + 1, 5 * BLOCK + 3, 600 * BLOCK + 1])
def test_any_number_of_symbols_comes_back(count: int) -> None:
    symbols = laplace(count)
    (decoded,) = decode([encode(symbols)])
    assert np.array_equal(decoded, symbols)


@pytest.mark.parametrize(
    "symbols",
    [
        np.zeros(5000, np.uint8),
        np.full(3, 255, np.uint8),
        np.arange(256, dtype=np.uint8).repeat(7),
        np.zeros(0, np.uint8),
    ],
    ids=["one symbol", "one symbol, few", "all alike often", "none"],
)
def test_any_distribution_comes_back(symbols: np.ndarray) -> None:
    (decoded,) = decode([encode(symbols)])
    assert np.array_equal(decoded, symbols)


def test_streams_with_tables_of_their_own_are_decoded_together() -> None:
    streams = [laplace(count, scale, seed) for seed, (count, scale) in enumerate([(3000, 1), (1, 9), (9000, 40)])]
    for decoded, symbols in zip(decode([encode(stream) for stream in streams]), streams, strict=True):
        assert np.array_equal(decoded, symbols)
    assert decode([]) == []


def test_the_bytes_taken_are_known_beforehand() -> None:
    for count in (300, 100_000):
        coded = encode(laplace(count))
        taken = len(coded.payload) + coded.block_bytes.nbytes
        assert 0 < coded_bytes(laplace(count)) - taken < 128 + count / 500


def test_to_decode_takes_no_longer_than_to_encode() -> None:
    symbols = laplace(1_000_000)
    coded = encode(symbols)
    assert times_as_long(lambda: decode([coded]), lambda: encode(symbols), repeats=3) < 2, "about 0.15"
