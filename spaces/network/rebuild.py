"""A cleaned ONNX graph as a ``torch.fx.GraphModule``: layers under the user's names, every other node an ``Op``."""

from __future__ import annotations

import copy
import operator
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx_ir as ir
import torch
from torch import Tensor, fx, nn

from ..errors import TraceError
from ..tensors.sharing import copy_on_write
from ..tensors.signature import INPUT
from .export import Exported, constant
from .layers import ChannelNorm, PaddedConv2d, SequenceLinear, set_norm, set_origin
from .ops import Op, plain_attributes
from .owners import scope_of


def rebuild(exported: Exported) -> fx.GraphModule:
    """The network that the artefact computes, as a flat graph of modules.

    It takes one tensor, or a :class:`Batch` of several, and returns one tensor, or a dict of several.

    Every node is a ``call_module`` (or ``operator.getitem`` behind a node with several outputs). Convolutions, linear
    layers and norms are torch's own modules under the name the user gave them.
    """
    return _Builder(exported).build()


def tidy(net: fx.GraphModule) -> None:
    """Drop nodes that nothing reads and modules that no node calls, and recompile, in place."""
    net.graph.eliminate_dead_code()
    net.delete_all_unused_submodules()
    net.recompile()


def giving(net: fx.GraphModule, names: Sequence[str]) -> fx.GraphModule:
    """A network of the same modules that gives the values of the nodes so named, in a tuple, and computes no more.

    Parameters and buffers are those of ``net`` itself, as far as these values need them.
    """
    graph, copies = fx.Graph(), dict[fx.Node, fx.Node]()
    graph.graph_copy(net.graph, copies)
    by_name = {node.name: copy for node, copy in copies.items()}
    graph.output(tuple(by_name[name] for name in names))
    found = fx.GraphModule(net, graph)
    tidy(found)
    return found


SHARED = (bool, int, float, str, tuple, type(None))
"""Types whose values a copy may share."""


def duplicate(net: fx.GraphModule) -> fx.GraphModule:
    """A copy with tensors of its own; ``copy.deepcopy`` takes three times as long, not knowing modules to be flat.

    Large tensors share their memory until either is changed, so that a copy takes the memory of what differs.
    """
    modules = {str(node.target): net.get_submodule(str(node.target)) for node in net.graph.nodes if _calls(node)}
    copied = fx.GraphModule({name: twin(m) for name, m in modules.items()}, copy.deepcopy(net.graph), "Net")
    copied.meta = dict(net.meta)
    return copied.train(net.training)


def _calls(node: fx.Node) -> bool:
    return node.op == "call_module"


def twin(module: nn.Module) -> nn.Module:
    """A copy of a module, as :func:`duplicate` makes it."""
    if any(True for _ in module.children()):
        return copy.deepcopy(module)
    made = module.__class__.__new__(module.__class__)
    for key, value in vars(module).items():
        held: Any
        if key == "_parameters":
            held = {n: None if p is None else nn.Parameter(copy_on_write(p), p.requires_grad) for n, p in value.items()}
        elif key == "_buffers":
            held = {name: None if buffer is None else copy_on_write(buffer) for name, buffer in value.items()}
        elif isinstance(value, dict) and not value:
            held = type(value)()  # hooks, of which there are many kinds and hardly ever one
        else:
            held = value if isinstance(value, SHARED) else copy.deepcopy(value)
        made.__dict__[key] = held
    return made


OWN = "own"
"""Name of the layer of a module's own weights, where the module has layers inside it too (as attention has)."""


class _Builder:
    def __init__(self, exported: Exported) -> None:
        self.exported = exported
        self.graph = fx.Graph()
        self.modules: dict[str, nn.Module] = {}
        self.values: dict[ir.Value, fx.Node] = {}
        self.done: set[ir.Node] = set()
        self.layers: dict[str, list[nn.Module]] = {}

    def build(self) -> fx.GraphModule:
        self._inputs()
        for node in self.exported.graph:
            if node in self.done:
                continue
            layer = self._layer(node)
            if layer is None:
                self._op(node)
            else:
                name, module, used = layer
                last = used[-1]
                self.done.update(used)
                known = self._known(name, module)
                if known is None:
                    called = self._call(name, module, [node.inputs[0]])
                else:
                    called = self.graph.call_module(known, (self._value(node.inputs[0]),))
                self.values[last.outputs[0]] = called
        given = zip(self.exported.outputs, self.exported.graph.outputs, strict=True)
        outputs = {name: self._value(value) for name, value in given}
        self.graph.output(outputs if len(outputs) > 1 else next(iter(outputs.values())))
        net = fx.GraphModule(self.modules, self.graph, "Net").eval()
        tidy(net)
        for parameter in net.parameters():
            parameter.requires_grad_(True)
        return net

    def _inputs(self) -> None:
        """One placeholder; several inputs are taken out of it by name, each by a node called as the input."""
        source, inputs = self.graph.placeholder(INPUT), self.exported.graph.inputs
        if len(inputs) == 1:
            self.values[inputs[0]] = source
            return
        for name, value in zip(self.exported.inputs, inputs, strict=True):
            self.values[value] = self.graph.create_node("call_function", operator.getitem, (source, name), name=name)

    def _layer(self, node: ir.Node) -> tuple[str, nn.Module, list[ir.Node]] | None:
        """The torch layer a node (or a MatMul and the Add behind it) is, with its name; None for all else."""
        if node.op_type == "Conv":
            return self._conv(node)
        if node.op_type == "Gemm":
            return self._gemm(node)
        if node.op_type == "MatMul":
            return self._matmul(node)
        if node.op_type in ("BatchNormalization", "LayerNormalization"):
            return self._norm(node)
        return None

    def _conv(self, node: ir.Node) -> tuple[str, nn.Module, list[ir.Node]] | None:
        weight = constant(node.inputs[1])
        if weight is None or node.inputs[1] is None or self._tied(node):
            return None
        bias = constant(node.inputs[2]) if len(node.inputs) > 2 else None
        rank = weight.ndim - 2
        attributes = plain_attributes(node)
        groups = int(attributes.get("group", 1))
        pads = [int(p) for p in attributes.get("pads") or [0] * (2 * rank)]
        if attributes.get("auto_pad", "NOTSET") not in ("NOTSET", "VALID"):
            raise TraceError(f"convolution {node.name}: auto_pad {attributes['auto_pad']} is not supported")
        even = pads[:rank] == pads[rank:]
        if not even and rank != 2:
            return None
        kind = (nn.Conv1d, nn.Conv2d, nn.Conv3d)[rank - 1] if even else PaddedConv2d
        conv = kind(
            weight.shape[1] * groups, weight.shape[0], tuple(weight.shape[2:]),
            stride=tuple(attributes.get("strides") or [1] * rank),
            padding=tuple(pads[:rank]) if even else 0,  # type: ignore[arg-type]
            dilation=tuple(attributes.get("dilations") or [1] * rank),
            groups=groups, bias=True, device="meta",
        )  # fmt: skip
        if isinstance(conv, PaddedConv2d):
            conv.pads = (pads[1], pads[3], pads[0], pads[2])
        _fill(conv, held_tensor(node.inputs[1]), bias)
        set_origin(conv)
        norm = self.exported.norms.get(str(node.inputs[1].name))
        if norm is not None:
            set_norm(conv, _tensor(norm.scale), _tensor(norm.shift), _tensor(norm.factor))
        return self._named(node.inputs[1], node), conv, [node]

    def _gemm(self, node: ir.Node) -> tuple[str, nn.Module, list[ir.Node]] | None:
        weight, attributes = constant(node.inputs[1]), plain_attributes(node)
        bias = constant(node.inputs[2]) if len(node.inputs) > 2 else None
        plain = attributes.get("alpha", 1.0) == attributes.get("beta", 1.0) == 1.0 and not attributes.get("transA", 0)
        if weight is None or not plain or self._tied(node):
            return None
        held = held_tensor(node.inputs[1])
        return self._named(node.inputs[1], node), _linear(held if attributes.get("transB", 0) else held.T, bias), [node]

    def _matmul(self, node: ir.Node) -> tuple[str, nn.Module, list[ir.Node]] | None:
        weight = constant(node.inputs[1])
        if weight is None or weight.ndim != 2 or self._tied(node):
            return None
        uses = list(node.outputs[0].uses())
        used, bias = [node], None
        if len(uses) == 1 and uses[0].node.op_type == "Add":
            add = uses[0].node
            other = add.inputs[1 - uses[0].idx]
            found = constant(other)
            if found is not None and found.ndim == 1 and found.shape[0] == weight.shape[1]:
                used, bias = [node, add], found
        rank = 2 if node.inputs[0] is None or node.inputs[0].shape is None else len(node.inputs[0].shape)
        kind = SequenceLinear if rank > 2 else nn.Linear
        linear = _linear(held_tensor(node.inputs[1]).T, bias, kind)
        return scope_of(node) or self._named(node.inputs[1], node), linear, used

    def _tied(self, node: ir.Node) -> bool:
        """Whether a weight is another module's too: to change one of them would untie them."""
        return scope_of(node) in self.exported.tied

    def _norm(self, node: ir.Node) -> tuple[str, nn.Module, list[ir.Node]] | None:
        held = [constant(value) for value in node.inputs[1:]]
        if not held or any(h is None for h in held):
            return None
        epsilon = float(plain_attributes(node).get("epsilon", 1e-5))
        width = held[0].shape[0]  # type: ignore[union-attr]
        module: nn.Module
        if node.op_type == "BatchNormalization":
            batch = ChannelNorm(width, eps=epsilon)
            _fill(batch, _tensor(held[0]), held[1])
            batch.running_mean = torch.from_numpy(held[2].copy())  # type: ignore[union-attr]
            batch.running_var = torch.from_numpy(held[3].copy())  # type: ignore[union-attr]
            module = batch
        else:
            if int(plain_attributes(node).get("axis", -1)) != -1 or held[0].ndim != 1:  # type: ignore[union-attr]
                return None
            module = nn.LayerNorm(width, eps=epsilon)
            _fill(module, _tensor(held[0]), held[1] if len(held) > 1 else np.zeros(width, np.float32))
        return scope_of(node) or self._named(node.inputs[1], node), module, [node]

    def _known(self, name: str, module: nn.Module) -> str | None:
        """The module that an earlier call of the same layer has been given, or None for the first call."""
        others = self.layers.setdefault(name, [])
        same = next((other for other in others if _alike(other, module)), None)
        if same is None:
            others.append(module)
            return None
        return next(target for target, held in self.modules.items() if held is same)

    def _op(self, node: ir.Node) -> None:
        if node.op_type == "Constant":
            return
        constants, computed, absent = {}, [], []
        for position, value in enumerate(node.inputs):
            held = constant(value)
            if held is not None:
                constants[position] = torch.from_numpy(np.array(held))
            elif value is None:
                absent.append(position)
            else:
                computed.append(value)
        attributes = plain_attributes(node)
        if node.op_type == "Reshape" and _flattens(node):
            constants, op = {}, Op("Flatten", {"axis": 1})
        else:
            op = Op(node.op_type, attributes, constants, len(node.inputs), absent, len(node.outputs))
        called = self._call(_safe(node.name or node.op_type), op, computed)
        if len(node.outputs) == 1:
            self.values[node.outputs[0]] = called
            return
        for index, output in enumerate(node.outputs):
            self.values[output] = self.graph.call_function(operator.getitem, (called, index))

    def _call(self, name: str, module: nn.Module, inputs: Sequence[ir.Value | None]) -> fx.Node:
        name = self._unique(name)
        self.modules[name] = module
        return self.graph.call_module(name, tuple(self._value(value) for value in inputs))

    def _value(self, value: ir.Value | None) -> fx.Node:
        if value is None or value not in self.values:
            held = constant(value)
            if held is None:
                raise TraceError(f"value {value.name if value is not None else None!r} is used before it is computed")
            name = self._unique(_safe(f"constant_{value.name}"))  # type: ignore[union-attr]
            self.modules[name] = Op("Constant", constants={0: torch.from_numpy(np.array(held))})
            return self.graph.call_module(name, ())
        return self.values[value]

    def _unique(self, name: str) -> str:
        """A name that no module has yet, and under which none lies."""
        for known in [known for known in self.modules if name.startswith(f"{known}.")]:
            self._rename(known, f"{known}.{OWN}")
        if any(known.startswith(f"{name}.") for known in self.modules):
            name = f"{name}.{OWN}"
        candidate, number = name, 1
        while candidate in self.modules:
            number += 1
            candidate = f"{name}_{number}"
        return candidate

    def _rename(self, before: str, after: str) -> None:
        self.modules[after] = self.modules.pop(before)
        for node in self.graph.nodes:
            if node.target == before:
                node.target = after

    def _named(self, weight: ir.Value | None, node: ir.Node) -> str:
        """The user's name of a layer: its weight's name without the last part, or the module it was traced in."""
        name = str(weight.name) if weight is not None else ""
        scope = scope_of(node)
        if weight is not None and scope and len(weight.uses()) > 1:
            return scope  # equal initialisers of several layers are one value in the graph
        if name.endswith(".weight"):
            return name.removesuffix(".weight")
        return scope or _safe(node.name or name)


def _flattens(node: ir.Node) -> bool:
    """Whether a Reshape merges all axes but the first, so that it must follow when channels are pruned."""
    before, after = node.inputs[0], node.outputs[0]
    if before is None or before.shape is None or after.shape is None or len(after.shape) != 2 or len(before.shape) < 3:
        return False
    rest = [d for d in before.shape[1:] if isinstance(d, int)]
    return len(rest) == len(before.shape) - 1 and after.shape[1] == int(np.prod(rest))


def _alike(one: nn.Module, other: nn.Module) -> bool:
    """Whether two layers are called the same way and hold equal tensors."""
    if type(one) is not type(other) or repr(one) != repr(other):
        return False
    if isinstance(one, PaddedConv2d) and isinstance(other, PaddedConv2d) and one.pads != other.pads:
        return False
    held, given = one.state_dict(), other.state_dict()
    return held.keys() == given.keys() and all(torch.equal(tensor, given[key]) for key, tensor in held.items())


def _linear(weight: Tensor, bias: np.ndarray | None, kind: type[nn.Linear] = nn.Linear) -> nn.Linear:
    linear = kind(weight.shape[1], weight.shape[0], bias=True, device="meta")
    _fill(linear, weight, bias)
    set_origin(linear)
    return linear


def _fill(module: nn.Module, weight: Tensor, bias: np.ndarray | None) -> None:
    module.weight = nn.Parameter(weight.contiguous())
    module.bias = nn.Parameter(torch.zeros(weight.shape[0]) if bias is None else _tensor(bias))


def held_tensor(value: ir.Value | None) -> Tensor:
    """The float32 constant that a value holds; where that is a tensor of the user's, its memory is shared."""
    raw = getattr(value.const_value, "raw", None) if value is not None else None
    if isinstance(raw, Tensor) and raw.dtype == torch.float32 and raw.is_contiguous():
        return copy_on_write(raw)
    return _tensor(constant(value))


def _tensor(array: np.ndarray | None) -> Tensor:
    assert array is not None
    return torch.tensor(array, dtype=torch.float32)


def _safe(name: str) -> str:
    """A name that can be an attribute of a module."""
    plain = re.sub(r"\W", "_", name).removeprefix("node_")
    return plain if plain[:1].isalpha() else f"op_{plain}"
