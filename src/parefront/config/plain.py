"""Settings given in Python as a YAML file would give them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def plain(section: Mapping[str, Any]) -> dict[str, Any]:
    """Tuples as lists and mappings as dicts, as a YAML file would give them."""
    return {key: _value(value) for key, value in section.items()}


def _value(value: Any) -> Any:
    if isinstance(value, Mapping):
        return plain(value)
    return [_value(item) for item in value] if isinstance(value, tuple | list) else value
