"""What an ONNX file says of itself: where it comes from, what it takes and gives, which operators it has."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..evaluators.storage.packed_file import load_packed
from ..evaluators.storage.provenance import ARTIFACT, ARTIFACT_BYTES, PREFIX, facts_of, without_provenance
from ..spaces.errors import ConfigError
from .artifact import check_content, check_model

if TYPE_CHECKING:
    from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, ValueInfoProto


@dataclass(frozen=True)
class FileFacts:
    """What there is to tell of a file.

    Attributes:
        file: its path.
        size_bytes: on disk.
        sha256: of the model's bytes, provenance included; of a packed file those that it is unpacked to.
        origin: what an exported file says of where it comes from, by key; values that are JSON are read.
        intact: whether the bytes that were measured are in it unchanged; None where it says nothing of them.
        metadata: its other ``metadata_props``.
        text, version: ``doc_string`` and ``model_version``.
        producer: name and version of what wrote it.
        ir_version: of ONNX's format, or LiteRT's.
        opsets: versions by domain; the standard one is ``ai.onnx``; none of a LiteRT file.
        inputs, outputs: name, type and shape; a free axis has a name, or is ``?``.
        operators: how often each is there, branches and functions included, most often first.
        functions: that it defines.
        weights: how many numbers its initialisers hold.
        weight_types: bytes of them, by type.
    """

    file: str
    size_bytes: int
    sha256: str
    origin: Mapping[str, Any]
    intact: bool | None
    metadata: Mapping[str, str]
    text: str
    version: int
    producer: str
    ir_version: int
    opsets: Mapping[str, int]
    inputs: tuple[Mapping[str, Any], ...]
    outputs: tuple[Mapping[str, Any], ...]
    operators: Mapping[str, int]
    functions: tuple[str, ...]
    weights: int
    weight_types: Mapping[str, int]

    @property
    def format(self) -> str:
        """The format, of which :attr:`ir_version` is the version; LiteRT's files have no operator sets."""
        return "ONNX IR" if self.opsets else "LiteRT schema"

    def to_json(self) -> dict[str, Any]:
        """All of it as plain values."""
        return asdict(self)


def facts_of_file(path: Path) -> FileFacts:
    """Read an ONNX file, or one that ``parefront pack`` has packed; neither torch nor a runtime is loaded.

    Raises:
        ConfigError: where it is no ONNX model.
    """
    import onnx

    packed = path.suffix.lower() == ".pfz"
    content = _unpacked(path) if packed else check_model(path)
    model = onnx.ModelProto.FromString(content)
    origin = facts_of(content)
    stored = list(_initializers(model))
    held = {tensor.name for tensor in stored}
    return FileFacts(
        str(path),
        path.stat().st_size,
        hashlib.sha256(content).hexdigest(),
        {key: read_value(value) for key, value in origin.items() if key != ARTIFACT_BYTES},
        without_provenance(content) is not content if ARTIFACT in origin else None,
        {prop.key: prop.value for prop in model.metadata_props if not prop.key.startswith(PREFIX)},
        model.doc_string,
        model.model_version,
        f"{model.producer_name} {model.producer_version}".strip(),
        model.ir_version,
        {imported.domain or "ai.onnx": imported.version for imported in model.opset_import},
        tuple(_ports(value for value in model.graph.input if value.name not in held)),
        tuple(_ports(model.graph.output)),
        dict(Counter(_operators(model)).most_common()),
        tuple(f"{function.domain}.{function.name}" for function in model.functions),
        sum(prod(tensor.dims) for tensor in stored),
        _bytes_by_type(stored),
    )


def _unpacked(path: Path) -> bytes:
    if not path.is_file():
        raise ConfigError(f"there is no file {path}; expected a packed ONNX model")
    content = load_packed(path)
    check_content(content, path)
    return content


def read_value(text: str) -> Any:
    """A value as it was before it became text."""
    try:
        return json.loads(text) if text.startswith("{") else text
    except (ValueError, RecursionError):
        return text


def _operators(model: ModelProto) -> Iterator[str]:
    yield from _names(model.graph.node)
    for function in model.functions:
        yield from _names(function.node)


def _names(nodes: Iterable[NodeProto]) -> Iterator[str]:
    for node in nodes:
        yield f"{node.domain}.{node.op_type}" if node.domain else node.op_type
        for graph in _branches(node.attribute):
            yield from _names(graph.node)


def _branches(attributes: Iterable[AttributeProto]) -> Iterator[GraphProto]:
    for attribute in attributes:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def _initializers(model: ModelProto) -> Iterator[Any]:
    graphs = [model.graph]
    while graphs:
        graph = graphs.pop()
        yield from graph.initializer
        graphs += [inner for node in graph.node for inner in _branches(node.attribute)]


def _bytes_by_type(stored: Iterable[Any]) -> dict[str, int]:
    found: Counter[str] = Counter()
    for tensor in stored:
        found[_type_name(tensor.data_type)] += len(tensor.raw_data) or tensor.ByteSize()
    return dict(found.most_common())


def _ports(values: Iterable[ValueInfoProto]) -> Iterator[dict[str, Any]]:
    for value in values:
        tensor = value.type.tensor_type
        shape = [axis.dim_value if axis.HasField("dim_value") else axis.dim_param or "?" for axis in tensor.shape.dim]
        yield {"name": value.name, "type": _type_name(tensor.elem_type), "shape": shape}


def _type_name(number: int) -> str:
    """``float``, ``int8``, … as ONNX calls its types."""
    import onnx

    known = onnx.TensorProto.DataType
    return known.Name(number).lower() if number in known.values() else str(number)
