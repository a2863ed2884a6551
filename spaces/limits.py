"""How large a file may be that is read, by its kind: whatever is larger is refused before it is read.

Each is many times what any use has needed, and small enough that a file made to fill memory does not.
"""

from __future__ import annotations

CONFIG_BYTES = 2**20
"""A config, or a policy in YAML."""
YAML_DEPTH = 30
"""Mappings and lists inside of each other."""
YAML_VALUES = 20_000
"""Values, those that an alias stands for counted where it stands: a few lines of aliases can mean billions."""
JSON_BYTES = 64 * 2**20
"""A JSON file of a run: a record of 20 KB for each of 3,000 members of a front."""
NOTE_BYTES = 4096
"""A file of one line, such as the number of a process."""
MODEL_BYTES = 2**31 - 1
"""An ONNX file, packed or not: no protobuf message has more."""


def in_words(count: int) -> str:
    """A number of bytes as messages name it: ``1 MB``."""
    number, units = float(count), ["bytes", "KB", "MB", "GB"]
    while number >= 1024 and len(units) > 1:
        number, units = number / 1024, units[1:]
    return f"{number:.4g} {units[0]}"
