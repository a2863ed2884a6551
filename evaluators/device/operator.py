"""One operator of a model as a device runs it, after its runtime has fused and rearranged the graph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .answers import Malformed, integers, number, objects, shown, text, texts


@dataclass(frozen=True, slots=True)
class Tensor:
    """Type (onnxruntime's name for it: ``"float"``, ``"uint8"``) and shape of what an operator takes or gives."""

    kind: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Operator:
    """What ran, and for how long.

    Attributes:
        name: the runtime's, made from names of the model's nodes.
        kind: the operator's type, e.g. ``"QLinearConv"``.
        provider: that ran it, e.g. ``"CPUExecutionProvider"``.
        inputs: those that are there, weights among them.
        outputs: likewise.
        reads: names of the tensors that it takes, in the graph that ran; "" for an optional one that is not there.
        writes: names of the tensors that it gives.
        domain: of the operator's type; "" is ONNX's own.
        us: microseconds a run.
    """

    name: str
    kind: str
    provider: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    domain: str
    us: float

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Operator:
        """As a worker sends it; `Malformed` for a field that is missing or cannot be."""
        inputs, outputs = (tuple(map(_tensor, objects(fields, key))) for key in ("inputs", "outputs"))
        reads, writes = (texts(fields, key) for key in ("reads", "writes"))
        name, kind, provider, domain = (text(fields, key) for key in ("name", "op", "provider", "domain"))
        return cls(name, kind, provider, inputs, outputs, reads, writes, domain, number(fields, "us"))


def _tensor(fields: Mapping[str, Any]) -> Tensor:
    if len(fields) != 1:
        raise Malformed(f"expected one type with its shape, got {shown(dict(fields))}")
    kind = next(iter(fields))
    return Tensor(kind, tuple(integers(fields, kind)))
