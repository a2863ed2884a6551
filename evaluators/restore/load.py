"""An ONNX file → the module that computes the same."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import torch
from torch import Tensor, nn

from ...spaces.errors import ParefrontError
from ...spaces.files import read_bytes
from ...spaces.messages import one_line
from ...spaces.network.branches import flatten
from ..storage.packed_file import load_packed
from ..storage.provenance import without_provenance
from .contents import Slot
from .elsewhere import keeps_data_elsewhere
from .graph import Held, Operation, operations
from .module import ArtifactModule, Program, Step
from .operators import Node

TAKEN = frozenset({*dir(nn.Module()), *dir(ArtifactModule), "source", "program"})
"""Attributes of a module that no node can be called."""


def load_file(path: str | Path) -> ArtifactModule:
    """The module of an ONNX file (``.onnx``), or of a packed one (``.pfz``).

    Raises:
        UnreadableFile: where there is no such file.
        ParefrontError: as :func:`module_of`.
    """
    file = Path(path)
    return module_of(load_packed(file) if file.suffix.lower() == ".pfz" else read_bytes(file, follow=True), str(file))


def module_of(content: bytes, name: str = "the model") -> ArtifactModule:
    """The module of an ONNX file's bytes.

    Args:
        content: with all initialisers inside.
        name: how messages name the file.

    Raises:
        ParefrontError: where it is no ONNX model, or has an operator that torch has no counterpart of here.
    """
    content = without_provenance(content)
    try:
        held = onnx.ModelProto.FromString(content)
        scattered = keeps_data_elsewhere(held)
        model = ir.from_proto(held)
    except Exception as error:
        raise ParefrontError(f"{name}: expected an ONNX model ({one_line(error)})") from error
    try:
        if scattered:
            raise ParefrontError("its weights are in another file; save it with all of them inside")
        if not len(model.graph):
            raise ParefrontError("its graph has no nodes")
        flatten(model.graph)
        for index, value in enumerate(value for node in model.graph for value in node.outputs):
            value.name = value.name or f"value_{index}"
        return _Builder(model).build(content)
    except Exception as error:  # a graph that is not sound shows in many ways
        said = str(error) if isinstance(error, ParefrontError) else one_line(error)
        raise ParefrontError(f"{name} cannot be turned into a PyTorch module: {said}") from error


class _Builder:
    def __init__(self, model: ir.Model) -> None:
        self.graph = model.graph
        self.own_names = model.producer_name == "parefront"
        self.modules: dict[str, nn.Module] = {}
        self.calls: dict[tuple[object, ...], str] = {}
        self.weights: dict[tuple[str, ...], tuple[str, str]] = {}
        self.slots: dict[str, list[Slot]] = {}

    def build(self, content: bytes) -> ArtifactModule:
        inputs = tuple(str(value.name) for value in self.graph.inputs if value.name not in self.graph.initializers)
        outputs = tuple(str(value.name) for value in self.graph.outputs)
        made = operations(self.graph)
        computed = {*inputs, *(str(value.name) for operation in made for value in operation.node.outputs)}
        missing = {str(value.name) for operation in made for value in operation.inputs}.union(outputs) - computed
        if missing:
            raise ParefrontError(f"nothing computes the value {min(missing)!r}")
        steps, read = [], set(outputs)
        calls = [(operation, self._module(operation)) for operation in made]
        for operation, module in reversed(calls):
            names = tuple(str(value.name) for value in operation.inputs)
            results = tuple(str(value.name) for value in operation.node.outputs)
            last = tuple(name for name in dict.fromkeys((*names, *results)) if name not in read)
            read.update(names)
            steps.append(Step(module, names, results, last))
        slots = {name: tuple(dict.fromkeys(held)) for name, held in self.slots.items()}
        return ArtifactModule(content, Program(inputs, outputs, tuple(steps[::-1]), slots), self.modules)

    def _module(self, operation: Operation) -> str:
        """The name of the module that an operation calls: the same one again for a layer that is called twice."""
        keys = tuple(held.key for held in operation.held)
        called = (operation.op_type, repr(operation.attributes), len(operation.operands), keys)
        name = self.calls.get(called) if any(keys) else None
        if name is None:
            name = self._name(operation)
            self.calls[called] = name
            known = any(key in self.weights for key in keys)
            self.modules[name] = (None if known else _layer(operation)) or self._node(name, operation)
        for held in operation.held:
            if held.key is not None:
                owner, key = self.weights.setdefault(held.key, (name, held.name))
                self.slots.setdefault(f"{owner}.{key}", []).append(held.slot)
        return name

    def _node(self, name: str, operation: Operation) -> Node:
        names = [operand.name if isinstance(operand, Held) else operand for operand in operation.operands]
        node = Node(operation.op_type, operation.attributes, names)
        for held in operation.held:
            known = self.weights.get(held.key) if held.key is not None else None
            if known is not None and known[0] != name:
                node.borrowed[held.name] = (self.modules[known[0]], known[1])
            elif isinstance(held.value, nn.Module):
                node.add_module(held.name, held.value)
            elif held.key is not None:
                node.register_parameter(held.name, nn.Parameter(_tensor(held.value)))
            else:
                node.register_buffer(held.name, _tensor(held.value), persistent=False)
        return node

    def _name(self, operation: Operation) -> str:
        """The node's name, or in files of other tools that of its weight, as an attribute that is not taken."""
        weights = [v.name for v in operation.node.inputs if v is not None and str(v.name).endswith(".weight")]
        given = str(operation.node.name or operation.op_type)
        if weights and not self.own_names:
            given = str(weights[0]).removesuffix(".weight")
        name = re.sub(r"\W", "_", given)
        if not name.isidentifier() or name in TAKEN:
            name = f"node_{name}"
        candidate, number = name, 1
        while candidate in self.modules:
            number += 1
            candidate = f"{name}_{number}"
        return candidate


def _layer(operation: Operation) -> nn.Module | None:
    """Torch's own layer, where it computes exactly this; None for any other operation."""
    weight, bias = ([held for held in operation.held if held.name == name] for name in ("weight", "bias"))
    plain = all(isinstance(held.value, np.ndarray) and held.key is not None for held in operation.held)
    if not weight or not plain or len(operation.inputs) != 1 or len(operation.held) > 2:
        return None
    array, attributes = weight[0].value, operation.attributes
    assert isinstance(array, np.ndarray)
    layer: nn.Module
    if operation.op_type == "Gemm":
        scaled = attributes.get("alpha", 1.0) != 1.0 or attributes.get("beta", 1.0) != 1.0
        if not attributes.get("transB", 0) or attributes.get("transA", 0) or scaled:
            return None
        layer = nn.Linear(array.shape[1], array.shape[0], bias=bool(bias))
    elif operation.op_type == "Conv" and array.ndim in (3, 4, 5):
        rank = array.ndim - 2
        pads = [int(p) for p in attributes.get("pads") or [0] * (2 * rank)]
        if pads[:rank] != pads[rank:] or attributes.get("auto_pad", "NOTSET") != "NOTSET":
            return None
        groups = int(attributes.get("group", 1))
        layer = (nn.Conv1d, nn.Conv2d, nn.Conv3d)[rank - 1](
            array.shape[1] * groups, array.shape[0], tuple(array.shape[2:]),
            stride=tuple(attributes.get("strides") or [1] * rank), padding=tuple(pads[:rank]),  # type: ignore[arg-type]
            dilation=tuple(attributes.get("dilations") or [1] * rank), groups=groups, bias=bool(bias),
        )  # fmt: skip
    else:
        return None
    for held in (*weight, *bias):
        setattr(layer, held.name, nn.Parameter(_tensor(held.value)))
    return layer


def _tensor(value: object) -> Tensor:
    return torch.from_numpy(np.array(value))
