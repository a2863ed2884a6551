"""What a LiteRT file says of itself, as :mod:`.file_facts` of an ONNX file."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from math import prod
from pathlib import Path
from typing import Any

from ..evaluators.runtimes.litert_runtime import LiteRt
from ..evaluators.storage.litert_file import is_litert
from ..evaluators.storage.provenance import PREFIX
from ..spaces.errors import ConfigError
from ..spaces.files import read_bytes
from ..spaces.limits import MODEL_BYTES
from .file_facts import FileFacts, read_value


def is_tflite(path: Path) -> bool:
    """Whether a file is in LiteRT's format."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return is_litert(file.read(8))


def tflite_facts(path: Path) -> FileFacts:
    """Read a LiteRT file.

    Raises:
        ConfigError: where LiteRT is not installed, or the file is damaged.
    """
    try:
        from ai_edge_litert import schema_py_generated as schema
    except ImportError as error:
        raise ConfigError(f"to read {path} takes LiteRT's schema ({error}): {LiteRt.install}") from None
    content = read_bytes(path, MODEL_BYTES, follow=True)
    try:
        return _facts(path, content, schema)
    except Exception as error:  # of a damaged file, in which every offset may be wrong
        raise ConfigError(f"{path} is not a LiteRT file: it is damaged ({type(error).__name__})") from None


def _facts(path: Path, content: bytes, schema: Any) -> FileFacts:
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    (graph, *_), types = model.subgraphs, _names(schema.TensorType)
    told = {_text(each.name): _held(model.buffers[each.buffer]) for each in model.metadata or ()}
    origin = {k.removeprefix(PREFIX): read_value(v) for k, v in told.items() if k.startswith(PREFIX)}
    constants = [tensor for tensor in graph.tensors if model.buffers[tensor.buffer].data is not None]
    sizes: Counter[str] = Counter()
    for tensor in constants:
        sizes[types[tensor.type]] += len(model.buffers[tensor.buffer].data)
    kinds, codes = _names(schema.BuiltinOperator, lower=False), model.operatorCodes
    operators = Counter(kinds[codes[operator.opcodeIndex].builtinCode] for operator in graph.operators)
    return FileFacts(
        str(path), len(content), hashlib.sha256(content).hexdigest(), origin, None,
        {key: value for key, value in told.items() if not key.startswith(PREFIX)}, "", 0, _text(model.description),
        model.version, {}, tuple(_ports(graph, graph.inputs, types)), tuple(_ports(graph, graph.outputs, types)),
        dict(operators.most_common()), (), sum(_count(tensor) for tensor in constants), dict(sizes.most_common()),
    )  # fmt: skip


def _ports(graph: Any, indices: Any, types: Mapping[int, str]) -> Iterator[dict[str, Any]]:
    for index in indices:
        tensor = graph.tensors[index]
        shape = tensor.shape if tensor.shapeSignature is None else tensor.shapeSignature
        sizes = [int(size) if size >= 0 else "?" for size in (() if shape is None else shape)]
        yield {"name": _text(tensor.name), "type": types[tensor.type], "shape": sizes}


def _held(buffer: Any) -> str:
    return "" if buffer.data is None else bytes(buffer.data).decode(errors="replace")


def _count(tensor: Any) -> int:
    """How many numbers a tensor holds; one without a shape is a single number."""
    return 1 if tensor.shape is None else int(prod(tensor.shape))


def _names(kinds: Any, lower: bool = True) -> dict[int, str]:
    named = {value: name for name, value in vars(kinds).items() if not name.startswith("_")}
    return {value: name.lower() if lower else name for value, name in named.items()}


def _text(value: bytes | None) -> str:
    return (value or b"").decode(errors="replace")
