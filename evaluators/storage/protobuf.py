"""Where a field's bytes lie in a serialised protobuf message: the wire format, read without a schema."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

_VARINT, _EIGHT_BYTES, _LENGTH, _FOUR_BYTES = 0, 1, 2, 5


def nested(data: bytes, path: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Start and stop of every field that ``path`` leads to, in the order of the file.

    Args:
        path: field numbers from the outermost message inwards; all of them messages, strings or bytes.

    Raises:
        ValueError: where ``data`` is not a protobuf message.
    """
    return _nested(data, 0, len(data), tuple(path))


def numbers(data: bytes, start: int) -> Iterator[int]:
    """The numbers of the outermost message's fields from a byte on, which has to be the first of a field.

    Raises:
        ValueError: where no message goes on there.
    """
    return (number for number, *_ in _fields(data, start, len(data)))


def without(data: bytes, number: int, unwanted: Callable[[bytes], bool]) -> bytes:
    """The message without those fields of its outermost level whose content is unwanted; the rest as it was.

    Args:
        number: of the fields that may go.

    Raises:
        ValueError: where ``data`` is not a protobuf message.
    """
    kept, at = bytearray(), 0
    for found, kind, first, last in _fields(data, 0, len(data)):
        if kind != _LENGTH or found != number or not unwanted(data[first:last]):
            kept += data[at:last]
        at = last
    return bytes(kept)


def _nested(data: bytes, start: int, stop: int, path: tuple[int, ...]) -> Iterator[tuple[int, int]]:
    for number, kind, first, last in _fields(data, start, stop):
        if kind == _LENGTH and number == path[0]:
            yield from _nested(data, first, last, path[1:]) if len(path) > 1 else [(first, last)]


def _fields(data: bytes, at: int, stop: int) -> Iterator[tuple[int, int, int, int]]:
    """Number, wire type, and start and stop of the value of each field."""
    while at < stop:
        key, at = _varint(data, at, stop)
        kind, first = key & 7, at
        if kind == _VARINT:
            _, last = _varint(data, at, stop)
        elif kind == _LENGTH:
            length, first = _varint(data, at, stop)
            last = first + length
        elif kind in (_EIGHT_BYTES, _FOUR_BYTES):
            last = first + (8 if kind == _EIGHT_BYTES else 4)
        else:
            raise ValueError(f"no protobuf field can begin at byte {at}")
        if last > stop:
            raise ValueError(f"a protobuf field at byte {first} reaches beyond the end")
        yield key >> 3, kind, first, last
        at = last


def _varint(data: bytes, at: int, stop: int) -> tuple[int, int]:
    value = shift = 0
    while at < stop and shift < 64:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
    raise ValueError(f"a protobuf number ends at byte {at} before it is complete")
