"""What tells a file in LiteRT's format, ``.tflite``, from an ONNX file."""

from __future__ import annotations

IDENTIFIER = b"TFL3"
"""Of the flatbuffer; behind the offset of its root, which takes four bytes."""
LITERT = "litert"
"""The runtime that such a file is for, by its name in a config."""


def is_litert(content: bytes) -> bool:
    """Whether the bytes of a file, of which the first eight are enough, are in LiteRT's format."""
    return content[4:8] == IDENTIFIER
