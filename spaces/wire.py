"""What protobuf writes before the bytes of a field, for those fields that the project writes itself."""

from __future__ import annotations


def field_head(number: int, length: int) -> bytes:
    """What stands before a field of so many bytes: its number with wire type 2, and the length."""
    return varint(number << 3 | 2) + varint(length)


def varint(number: int) -> bytes:
    """A whole number of 0 or more, seven bits a byte, the lowest first."""
    written = bytearray()
    while number > 127:
        written.append(number & 127 | 128)
        number >>= 7
    written.append(number)
    return bytes(written)
