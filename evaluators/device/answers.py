"""Reads the fields of a worker's answer: whatever comes is of the type and within the bounds that were asked for."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

MOST_TEXT = 4096
"""Characters of a name that a device gives."""


class Malformed(ValueError):
    """A field that is not there, of another type, or out of bounds; the message names it and says what came."""


def mapping(fields: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """A JSON object."""
    found = _field(fields, key)
    if not isinstance(found, dict):
        raise Malformed(f"{key}: expected an object, got {shown(found)}")
    return found


def items(fields: Mapping[str, Any], key: str, least: int = 0, most: int = 100_000) -> Sequence[Any]:
    """A list of ``least`` to ``most`` items, of any type."""
    found = _field(fields, key)
    if not isinstance(found, list | tuple):
        raise Malformed(f"{key}: expected a list, got {shown(found)}")
    if not least <= len(found) <= most:
        raise Malformed(f"{key}: expected {least} to {most} items, got {len(found)}")
    return found


def objects(fields: Mapping[str, Any], key: str, least: int = 0, most: int = 100_000) -> Sequence[Mapping[str, Any]]:
    """A list of JSON objects."""
    found = items(fields, key, least, most)
    for item in found:
        if not isinstance(item, dict):
            raise Malformed(f"{key}: expected objects, got {shown(item)}")
    return found


def texts(fields: Mapping[str, Any], key: str, least: int = 0, most: int = 100_000) -> tuple[str, ...]:
    """A list of strings."""
    found = items(fields, key, least, most)
    return tuple(text({key: item}, key) for item in found)


def text(fields: Mapping[str, Any], key: str) -> str:
    """A string of at most :data:`MOST_TEXT` characters."""
    found = _field(fields, key)
    if not isinstance(found, str) or len(found) > MOST_TEXT:
        raise Malformed(f"{key}: expected a string of at most {MOST_TEXT} characters, got {shown(found)}")
    return found


def flag(fields: Mapping[str, Any], key: str) -> bool:
    """True or false."""
    found = _field(fields, key)
    if not isinstance(found, bool):
        raise Malformed(f"{key}: expected true or false, got {shown(found)}")
    return found


def number(fields: Mapping[str, Any], key: str, low: float = 0.0, high: float = 1e15) -> float:
    """A finite number from ``low`` to ``high``."""
    found = _field(fields, key)
    if isinstance(found, bool) or not isinstance(found, int | float) or not low <= found <= high:
        raise Malformed(f"{key}: expected a number from {low:g} to {high:g}, got {shown(found)}")
    assert math.isfinite(found)
    return float(found)


def numbers(fields: Mapping[str, Any], key: str, low: float = 0.0, high: float = 1e15) -> tuple[float, ...]:
    """A list of such numbers."""
    return tuple(number({key: item}, key, low, high) for item in items(fields, key))


def integer(fields: Mapping[str, Any], key: str, low: int = 0, high: int = 1 << 60) -> int:
    """A whole number from ``low`` to ``high``."""
    found = _field(fields, key)
    if type(found) is not int or not low <= found <= high:
        raise Malformed(f"{key}: expected an integer from {low} to {high}, got {shown(found)}")
    return found


def integers(fields: Mapping[str, Any], key: str, low: int = 0, high: int = 1 << 60) -> Sequence[int]:
    """A list of such numbers."""
    found = items(fields, key)
    for item in found:
        if type(item) is not int or not low <= item <= high:
            raise Malformed(f"{key}: expected integers from {low} to {high}, got {shown(item)}")
    return found


def shown(value: object) -> str:
    """The value in at most sixty characters, on one line."""
    said = type(value).__name__ if isinstance(value, list | dict | int) and _is_large(value) else repr(value)
    return said if len(said) <= 60 else f"{said[:59]}…"


def _is_large(value: list[Any] | dict[Any, Any] | int) -> bool:
    """Whether to write it out would take long, or fail: Python refuses to print integers of thousands of digits."""
    return abs(value) >= 1 << 64 if isinstance(value, int) else len(value) > 20


def _field(fields: Mapping[str, Any], key: str) -> Any:
    if key not in fields:
        raise Malformed(f"{key}: missing")
    return fields[key]
