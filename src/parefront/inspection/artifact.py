"""What is made sure of a file before it is measured, explained or packed."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from ..evaluators.device.worker import RequestError, has_external_data
from ..evaluators.storage.litert_file import is_litert
from ..spaces.errors import ConfigError
from ..spaces.files import read_bytes
from ..spaces.limits import MODEL_BYTES
from ..spaces.messages import first_line


def check_model(path: Path) -> bytes:
    """The bytes of the ONNX model at ``path``.

    Raises:
        ConfigError: where there is none, or one whose weights lie in other files.
    """
    content = _content(path, "an ONNX model")
    check_content(content, path)
    return content


def check_runnable(path: Path) -> bytes:
    """The bytes of the model at ``path``, an ONNX model or one in LiteRT's format.

    Raises:
        ConfigError: where there is neither, or an ONNX model whose weights lie in other files.
    """
    content = _content(path, "an ONNX model or a .tflite file")
    if not is_litert(content):
        check_content(content, path)
    return content


def _content(path: Path, expected: str) -> bytes:
    if not os.path.lexists(path):
        raise ConfigError(f"there is no file {path}; expected {expected}")
    return read_bytes(path, MODEL_BYTES, follow=True)


def check_content(content: bytes, path: Path) -> None:
    """Raise ``ConfigError`` where the bytes of the file at ``path`` are no ONNX model, or one in several files."""
    import onnx
    from google.protobuf.message import DecodeError

    if is_litert(content):
        raise ConfigError(f"{path} is in LiteRT's format, which `measure` and `show` read; expected an ONNX model")
    try:
        nodes = len(onnx.ModelProto.FromString(content).graph.node)
        scattered = has_external_data(memoryview(content))
    except (DecodeError, ValueError, RequestError) as error:
        raise ConfigError(f"{path} is not an ONNX model: {first_line(error)}") from None
    if nodes == 0:
        raise ConfigError(f"{path} is not an ONNX model, or an empty one: its graph has no nodes")
    if scattered:
        program = f"import onnx; onnx.save(onnx.load({str(path)!r}), 'single.onnx')"
        raise ConfigError(
            f"{path} keeps weights in other files (external data); expected a single file: "
            f"python -c {shlex.quote(program)} writes single.onnx"
        )
