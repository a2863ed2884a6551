"""Packed files that others have changed, checksum and all: the right bytes or one clear error, in bounded memory."""

from __future__ import annotations

import random
import tracemalloc
import zlib
from collections.abc import Callable

import numpy as np
import pytest

from parefront.evaluators.storage import packed_file as pfz
from parefront.evaluators.storage.packed_file import PfzError, decode, encode

from ..mutations import CASES, mutated
from .test_packed_file import model

BOMB = zlib.compress(bytes(100_000_000), 9)
"""100 KB that become 100 MB."""


def original() -> bytes:
    """A file of which initialisers are coded by Huffman's method, by zlib, and kept as they are."""
    generator = np.random.default_rng(0)
    normal, periodic = generator.normal(size=1500).astype(np.float32), np.arange(3000) // 100 % 5
    return model(normal.tobytes(), periodic.tobytes(), generator.bytes(1500))


ORIGINAL = original()
PACKED = encode(ORIGINAL)


class Parts:
    """A packed file taken apart, to be put together with other parts and the right checksum."""

    def __init__(self) -> None:
        _, self.version, _, self.sha256, self.size, self.streams, length = pfz._HEAD.unpack_from(PACKED)
        body = PACKED[pfz._HEAD.size :]
        self.held, self.payload = body[:length], body[length:]

    def sealed(self, held_length: int | None = None) -> bytes:
        length = len(self.held) if held_length is None else held_length
        fields = (self.sha256, self.size, self.streams, length)
        body = self.held + self.payload
        checksum = zlib.crc32(body, zlib.crc32(pfz._HEAD.pack(pfz.MAGIC, self.version, 0, *fields)))
        return pfz._HEAD.pack(pfz.MAGIC, self.version, checksum, *fields) + body


def anywhere(chance: random.Random) -> bytes:
    return mutated(chance, PACKED)


def in_the_payload(chance: random.Random) -> bytes:
    parts = Parts()
    parts.payload = mutated(chance, parts.payload)
    return parts.sealed()


def in_the_compressed_index(chance: random.Random) -> bytes:
    parts = Parts()
    parts.held = mutated(chance, parts.held)
    return parts.sealed()


def in_the_index(chance: random.Random) -> bytes:
    parts = Parts()
    held, index = zlib.decompress(parts.held), parts.streams * pfz._STREAM.itemsize
    inner = mutated(chance, held[:index]) + held[index:] if chance.random() < 0.7 else mutated(chance, held)
    parts.held = zlib.compress(inner, chance.randint(1, 9))
    return parts.sealed()


def in_one_entry_of_the_index(chance: random.Random) -> bytes:
    parts = Parts()
    held = bytearray(zlib.decompress(parts.held))
    index = np.frombuffer(held, pfz._STREAM, parts.streams)
    entry, name = index[chance.randrange(len(index))], chance.choice(pfz._STREAM.names or ())
    wide = [0, 1, 2**10, len(ORIGINAL), 2**31, 2**40, 2**63, 2**64 - 1, int(entry[name]) + chance.randint(-2, 2) & 255]
    entry[name] = chance.choice(wide) if entry[name].dtype.itemsize > 1 else chance.randrange(256)
    parts.held = zlib.compress(bytes(held))
    return parts.sealed()


def in_the_head(chance: random.Random) -> bytes:
    parts = Parts()
    numbers = [0, 1, 2**20, 2**31 - 1, 2**31, 2**40, 2**63, 2**64 - 1]
    name = chance.choice(["size", "streams", "held", "version", "sha256"])
    if name == "held":
        return parts.sealed(chance.choice([*numbers, chance.randrange(len(PACKED))]))
    if name == "sha256":
        parts.sha256 = chance.randbytes(32)
    else:
        limit = 2**16 if name == "version" else 2**64
        setattr(parts, name, (getattr(parts, name) + chance.randint(-3, 3) or chance.choice(numbers)) % limit)
    return parts.sealed()


@pytest.mark.parametrize(
    "mutation",
    [
        anywhere,
        in_the_payload,
        in_the_compressed_index,
        in_the_index,
        in_one_entry_of_the_index,
        in_the_head,
    ],
)
def test_a_mutated_file_is_decoded_rightly_or_refused_in_one_line(mutation: Callable[[random.Random], bytes]) -> None:
    for seed in range(CASES):
        data, message = outcome(mutation(random.Random(f"{mutation.__name__} {seed}")))
        assert data == ORIGINAL or 0 < len(message) < 200, seed
        assert len(message.splitlines()) <= 1, seed


def outcome(packed: bytes) -> tuple[bytes, str]:
    """What is decoded, or what is wrong."""
    try:
        return decode(packed), ""
    except PfzError as refused:
        return b"", str(refused)


def test_the_file_has_streams_of_every_kind() -> None:
    parts = Parts()
    index = np.frombuffer(zlib.decompress(parts.held), pfz._STREAM, parts.streams)
    assert set(index["method"].tolist()) == {pfz.RAW, pfz.ZLIB, pfz.HUFFMAN}


@pytest.mark.parametrize("level", [0, 1, 5])
def test_other_bytes_of_the_same_content_are_decoded(level: int) -> None:
    parts = Parts()
    parts.held = zlib.compress(zlib.decompress(parts.held), level)
    assert decode(parts.sealed()) == ORIGINAL


def of_two_gigabytes(parts: Parts) -> None:
    parts.size = 2**31 - 1


def of_many_streams(parts: Parts) -> None:
    parts.streams = 2**40


def of_an_index_that_explodes(parts: Parts) -> None:
    parts.held = BOMB


def of_an_index_that_goes_on_for_ever(parts: Parts) -> None:
    stream = zlib.compressobj(9)
    parts.held = stream.compress(zlib.decompress(parts.held) + bytes(50_000_000)) + stream.flush()


def of_a_stream_that_explodes(parts: Parts) -> None:
    held = bytearray(zlib.decompress(parts.held))
    index = np.frombuffer(held, pfz._STREAM, parts.streams)
    place = int(np.flatnonzero(index["method"] == pfz.ZLIB)[0])
    before, own = int(index["stored"][:place].sum()), int(index["stored"][place])
    parts.payload = parts.payload[:before] + BOMB + parts.payload[before + own :]
    index["stored"][place] = len(BOMB)
    parts.held = zlib.compress(bytes(held))


@pytest.mark.parametrize(
    "claim",
    [
        of_two_gigabytes,
        of_many_streams,
        of_an_index_that_explodes,
        of_an_index_that_goes_on_for_ever,
        of_a_stream_that_explodes,
    ],
)
def test_what_a_file_claims_takes_no_memory(claim: Callable[[Parts], None]) -> None:
    parts = Parts()
    claim(parts)
    packed = parts.sealed()
    tracemalloc.start()
    try:
        with pytest.raises(PfzError):
            decode(packed)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 20_000_000
