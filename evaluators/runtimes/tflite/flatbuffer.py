"""LiteRT's file, a flatbuffer: tensors and operators in the order in which they are added, and what is told beside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...storage.litert_file import IDENTIFIER

SUBGRAPH, SIGNATURE = "main", "serving_default"
_VERSION = 3
"""Of the schema."""
_INT8_VERSIONS = {"CONV_2D": 3, "DEPTHWISE_CONV_2D": 3, "FULLY_CONNECTED": 4, "RESHAPE": 1}
"""Of operators that are given 8-bit integers; others have them since version 2."""


@dataclass(frozen=True, eq=False)
class Quantization:
    """What the integers of a tensor stand for: ``scale · (code − zero_point)``.

    Attributes:
        scale: one, or one for each index of ``axis``.
        zero_point: of them all.
        axis: along which scales differ.
    """

    scale: NDArray[np.float32]
    zero_point: int = 0
    axis: int = 0

    def equals(self, other: Quantization) -> bool:
        return self.zero_point == other.zero_point and np.array_equal(self.scale, other.scale)


class FlatBuffer:
    """Collects a model.

    Args:
        schema: ``ai_edge_litert.schema_py_generated``.
    """

    def __init__(self, schema: ModuleType) -> None:
        self._schema: Any = schema
        self._tensors: list[Any] = []
        self._operators: list[Any] = []
        self._codes: dict[tuple[int, int], int] = {}
        self._buffers: list[Any] = [schema.BufferT()]
        self._constants: dict[tuple[Any, ...], int] = {}

    def tensor(
        self,
        name: str,
        shape: Sequence[int],
        dtype: str,
        quantization: Quantization | None = None,
        data: NDArray[Any] | None = None,
    ) -> int:
        """Add a tensor; its index. Equal constants are one.

        Args:
            name: for whoever looks into the file.
            shape: for a batch of one.
            dtype: NumPy's name.
            quantization: of integers that stand for numbers.
            data: of a constant.
        """
        schema = self._schema
        made = schema.TensorT()
        made.name, made.shape, made.hasRank = name, [int(size) for size in shape], True
        made.type = getattr(schema.TensorType, dtype.upper())
        if quantization is not None:
            held = made.quantization = schema.QuantizationParametersT()
            held.scale = np.ascontiguousarray(quantization.scale, np.float32).reshape(-1)
            held.zeroPoint = np.full(held.scale.size, quantization.zero_point, np.int64)
            held.quantizedDimension = quantization.axis
        if data is not None:
            key = (made.type, *made.shape, data.tobytes(), *_told(quantization))
            if key in self._constants:
                return self._constants[key]
            self._constants[key] = len(self._tensors)
            made.buffer = self._buffer(data.tobytes())
        self._tensors.append(made)
        return len(self._tensors) - 1

    def rename(self, tensor: int, name: str, shape: Sequence[int]) -> None:
        """Call a tensor otherwise, and say which of its axes are free: they are -1 in ``shape``."""
        self._tensors[tensor].name = name
        self._tensors[tensor].shapeSignature = [int(size) for size in shape]

    def operator(
        self, kind: str, inputs: Sequence[int], outputs: Sequence[int], options: str = "", **fields: Any
    ) -> None:
        """Add an operator.

        Args:
            kind: its name in the schema.
            inputs: indices of tensors; -1 for one that is left out.
            outputs: as ``inputs``.
            options: the name of its options in the schema.
            fields: of the options.
        """
        schema = self._schema
        made = schema.OperatorT()
        made.opcodeIndex = self._code(kind, inputs)
        made.inputs, made.outputs = list(inputs), list(outputs)
        if options:
            held = getattr(schema, f"{options}T")()
            for name, value in fields.items():
                if not hasattr(held, name):
                    raise AttributeError(f"{options} has no {name}")
                setattr(held, name, value)
            made.builtinOptionsType, made.builtinOptions = getattr(schema.BuiltinOptions, options), held
        self._operators.append(made)

    def finish(self, inputs: Sequence[int], outputs: Sequence[int], facts: Mapping[str, str]) -> bytes:
        """The file; ``facts`` become its metadata."""
        import flatbuffers

        schema = self._schema
        graph = schema.SubGraphT()
        graph.name, graph.tensors, graph.operators = SUBGRAPH, self._tensors, self._operators
        graph.inputs, graph.outputs = list(inputs), list(outputs)
        model = schema.ModelT()
        model.version, model.description, model.subgraphs = _VERSION, "parefront", [graph]
        model.operatorCodes = [self._operator_code(*code) for code in self._codes]
        model.metadata = [self._metadata(name, text) for name, text in facts.items()]
        model.signatureDefs = [self._signature(inputs, outputs)]
        model.buffers = self._buffers
        builder = flatbuffers.Builder(1 << 16)
        builder.Finish(model.Pack(builder), IDENTIFIER)
        return bytes(builder.Output())

    def _code(self, kind: str, inputs: Sequence[int]) -> int:
        integers = self._schema.TensorType.INT8
        takes = any(index >= 0 and self._tensors[index].type == integers for index in inputs)
        version = _INT8_VERSIONS.get(kind, 2) if takes else 1
        return self._codes.setdefault((getattr(self._schema.BuiltinOperator, kind), version), len(self._codes))

    def _operator_code(self, kind: int, version: int) -> Any:
        made = self._schema.OperatorCodeT()
        made.builtinCode, made.version = kind, version
        made.deprecatedBuiltinCode = min(kind, self._schema.BuiltinOperator.PLACEHOLDER_FOR_GREATER_OP_CODES)
        return made

    def _buffer(self, content: bytes) -> int:
        made = self._schema.BufferT()
        made.data = np.frombuffer(content, np.uint8)
        self._buffers.append(made)
        return len(self._buffers) - 1

    def _metadata(self, name: str, text: str) -> Any:
        made = self._schema.MetadataT()
        made.name, made.buffer = name, self._buffer(text.encode(errors="replace"))
        return made

    def _signature(self, inputs: Sequence[int], outputs: Sequence[int]) -> Any:
        made = self._schema.SignatureDefT()
        made.signatureKey, made.subgraphIndex = SIGNATURE, 0
        made.inputs, made.outputs = ([self._named(index) for index in indices] for indices in (inputs, outputs))
        return made

    def _named(self, tensor: int) -> Any:
        made = self._schema.TensorMapT()
        made.name, made.tensorIndex = self._tensors[tensor].name, tensor
        return made


def _told(quantization: Quantization | None) -> tuple[Any, ...]:
    if quantization is None:
        return ()
    return quantization.scale.tobytes(), quantization.zero_point, quantization.axis
