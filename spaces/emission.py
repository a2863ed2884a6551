"""Writing ONNX: a builder, and the base class of modules that know how they are written."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx_ir as ir
from torch import nn


class Builder:
    """Collects the nodes and initialisers of one artefact, named after its layers: equal nets give equal bytes."""

    def __init__(self) -> None:
        self.nodes: list[ir.Node] = []
        self.initializers: dict[str, ir.Value] = {}
        self.scope = ""

    def constant(self, name: str, array: np.ndarray) -> ir.Value:
        """An initialiser ``<layer>.<name>``."""
        full = f"{self.scope}.{name}"
        if full not in self.initializers:
            tensor = ir.tensor(np.asarray(array, order="C"), name=full)
            self.initializers[full] = ir.Value(
                name=full, shape=ir.Shape(array.shape), type=ir.TensorType(tensor.dtype), const_value=tensor
            )
        return self.initializers[full]

    def node(
        self,
        op_type: str,
        inputs: Sequence[ir.Value | None],
        attributes: Mapping[str, Any] | None = None,
        *,
        outputs: int = 1,
        domain: str = "",
        suffix: str = "",
    ) -> list[ir.Value]:
        """A node ``<layer><suffix>``; returns its outputs."""
        name = f"{self.scope}{suffix}"
        node = ir.node(
            op_type, inputs, attributes=dict(attributes or {}), domain=domain, num_outputs=outputs, name=name
        )
        for index, output in enumerate(node.outputs):
            output.name = f"{name}:{index}" if index else f"{name}:out"
        self.nodes.append(node)
        return list(node.outputs)


class Emittable(nn.Module, ABC):
    """A module that writes itself: what a compressor leaves behind beyond torch's own layers."""

    @abstractmethod
    def emit(self, builder: Builder, inputs: Sequence[ir.Value | None]) -> list[ir.Value]:
        """Add this module's nodes, reading ``inputs``; return its outputs. Must compute what ``forward`` computes."""
