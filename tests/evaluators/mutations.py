"""Files that are no longer what was written: bytes changed at random, the same way for the same seed."""

from __future__ import annotations

import os
import random
import struct

CASES = int(os.environ.get("PAREFRONT_MUTATIONS", "100"))
"""Mutations of each kind that a test tries; ``PAREFRONT_MUTATIONS=2000`` for a thorough look."""

_NUMBERS = [0, 1, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**40, 2**63 - 1, 2**63, 2**64 - 1]
_VARINTS = [b"\xff" * 9 + b"\x01", b"\xff" * 20, b"\x80" * 10, b"\xff\xff\xff\xff\x0f", b"\x80\x80\x80\x80\x80\x80\x01"]


def mutated(chance: random.Random, data: bytes) -> bytes:
    """``data`` with one to three changes: bits, ranges, ends, or numbers that are far too large; never as it was."""
    changed = data
    while changed == data:
        for _ in range(chance.randint(1, 3)):
            changed = _changed(chance, changed)
    return changed


def _changed(chance: random.Random, data: bytes) -> bytes:
    first, second = sorted(chance.randrange(len(data) + 1) for _ in range(2))
    second = min(second, first + chance.choice([1, 8, 64, len(data)]))
    place = chance.randrange(len(data) + 1)
    number = struct.pack("<Q", chance.choice(_NUMBERS))
    bits = bytes(byte ^ 1 << chance.randrange(8) for byte in data[first : first + 1])
    return (
        chance.choice(
            [
                data[:first] + bits + data[first + 1 :],  # flipped
                data[:first] + chance.randbytes(second - first) + data[second:],  # overwritten
                data[:first] + bytes(second - first) + data[second:],  # zeroed
                data[:first] + data[second:],  # taken out
                data[:second] + data[first:],  # doubled
                data[:place] + data[first:second] + data[place:],  # spliced in elsewhere
                data[:first],  # cut short
                data + chance.randbytes(chance.randint(1, 20)),  # too long
                data[:first] + number + data[first + 8 :],
                data[:first] + chance.choice(_VARINTS) + data[second:],
            ]
        )
        or b"?"
    )
