"""A trained model and an example → the network that will be deployed, and the graph that describes it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx, nn

from ..errors import TraceError
from ..messages import first_line, one_line
from ..tensors.batch import Outputs, Tensors, named
from ..tensors.signature import INPUT, OUTPUT, InputForm, OutputForm, Signature, flattened
from ..tensors.structure import StructureError
from .account import account
from .channels.flow import Located, is_input, labels_of, op_of
from .channels.groups import find_groups
from .channels.proofs import Proof
from .export import export
from .graph import Layer, ModelGraph, Node, Port, Window
from .layers import WEIGHTED, conv_attributes
from .ops import Op
from .outputs import largest_difference, remember_outputs
from .rebuild import rebuild
from .wrappers import evaluating

PARITY = 2e-3
"""Largest difference allowed between the user's model and the rebuilt one, relative to the largest output."""
OTHER_BATCHES = (1, 3)
"""Batch sizes beyond the example's that the two are compared at: code may have taken the example's as a constant."""


@dataclass(frozen=True)
class Traced:
    """The network of the artefact and its description.

    Attributes:
        net: a flat ``GraphModule`` that computes what the user's model computes in eval mode, batch norms folded.
        graph: layers, data flow, channel groups, exclusions.
        example: the input it was traced on, shape ``(batch, …)``, or several by name.
        signature: how the user's model takes its inputs and returns its outputs.
    """

    net: fx.GraphModule
    graph: ModelGraph
    example: Tensors
    signature: Signature

    @property
    def modules(self) -> dict[str, str]:
        """The module that each step of ``net`` calls, by the step's name; one module may be called by several."""
        return {node.name: str(node.target) for node in self.net.graph.nodes if node.op == "call_module"}


def trace(
    model: nn.Module,
    example: Any,
    prove: Proof | None = None,
    on_phase: Callable[[str], None] = lambda _: None,
) -> Traced:
    """Trace ``model`` on ``example``.

    Args:
        example: a tensor of shape ``(batch >= 2, …)``, or several nested as the model takes them.
        prove: called with pruned networks to show that they can be emitted; raises where they cannot.
        on_phase: told what goes on, which takes a minute for networks of hundreds of layers.

    Raises:
        TraceError: where the model cannot be exported, or the rebuilt network differs from it.
    """
    on_phase("exporting the model")
    with evaluating(model) as plain:
        form, example = _given(plain, example)
        batches = [example, *(_batch_of(size, example) for size in OTHER_BATCHES)]
        returned = [_output(plain, form, batch) for batch in batches]
        signature = Signature(form, _form_of(returned[0], form))
        outputs = [signature.outputs.batch(value) for value in returned]
        with flattened(plain, signature) as flat:
            exported = export(flat, example, signature.outputs.names)
    net, owners = rebuild(exported), exported.owners
    del exported  # and the weights that it holds
    for batch, expected in zip(batches, outputs, strict=True):
        with torch.no_grad():
            actual = _run(net, batch)
        _check_parity(expected, actual)
    remember_outputs(net, actual)
    graph = describe(net, example)
    groups, excluded = find_groups(net, graph, example[:2], prove, on_phase)
    layers, others = account(owners, graph)
    graph = replace(
        graph, layers=layers, groups=groups, excluded=(*excluded, *others), inputs=_ports(named(example, INPUT)),
        outputs=_ports(named(actual, OUTPUT)),
    )  # fmt: skip
    return Traced(net, graph, example, signature)


def _ports(parts: Mapping[str, Tensor]) -> tuple[Port, ...]:
    return tuple(
        Port(name, tuple(part.shape[1:]), str(part.dtype).removeprefix("torch.")) for name, part in parts.items()
    )


def describe(net: fx.GraphModule, example: Tensors) -> ModelGraph:
    """Layers, shapes and data flow of a rebuilt network, by running it once on ``example``."""
    shapes = Shapes(net)
    with torch.no_grad():
        shapes.run(example)
    layers: dict[str, Layer] = {}
    nodes: list[Node] = []
    labels = labels_of(net)
    for node in net.graph.nodes:
        if node.op == "placeholder" and not is_input(node):
            continue
        inputs = () if is_input(node) else tuple(labels[source] for source in node.all_input_nodes)
        shape = shapes.of.get(node.name, ())
        if node.op == "call_module":
            module = net.get_submodule(str(node.target))
            if isinstance(module, WEIGHTED):
                source = shapes.of[node.all_input_nodes[0].name]
                found = _layer(str(node.target), module, source, shape, len(layers))
                known = layers.get(found.name)
                layers[found.name] = replace(known, macs=known.macs + found.macs) if known else found
        ran = str(node.target) if node.target in layers else ""
        nodes.append(Node(labels[node], op_of(net, node), inputs, shape, _window(net, node), ran))
    graph = ModelGraph(tuple(layers.values()), tuple(nodes))
    return replace(graph, output_layers=_output_layers(graph))


class Shapes(fx.Interpreter):
    """Runs a network and keeps the shape of every node's (first) output, without the batch axis."""

    def __init__(self, net: fx.GraphModule) -> None:
        super().__init__(net)
        self.of: dict[str, tuple[int, ...]] = {}

    def run_node(self, n: fx.Node) -> object:
        result = super().run_node(n)
        first = result[0] if isinstance(result, tuple) else result
        self.of[n.name] = tuple(first.shape[1:]) if isinstance(first, Tensor) else ()
        return result


def _layer(name: str, module: nn.Module, source: tuple[int, ...], shape: tuple[int, ...], position: int) -> Layer:
    params = sum(p.numel() for p in module.parameters(recurse=False))
    weight = module.get_parameter("weight")
    if isinstance(module, nn.Linear):
        rows = int(np.prod(shape[:-1])) if len(shape) > 1 else 1
        return Layer(name, "linear", source, shape, params, rows * weight.numel(), 1, (), (), position)
    assert isinstance(module, nn.Conv1d | nn.Conv2d | nn.Conv3d)
    depthwise = module.groups == module.in_channels and module.groups > 1
    kind = "depthwise" if depthwise else "grouped" if module.groups > 1 else "conv"
    macs = int(np.prod(shape[1:])) * weight.numel()
    kernel, stride = tuple(module.kernel_size), tuple(module.stride)
    return Layer(name, kind, source, shape, params, macs, module.groups, kernel, stride, position)


def _window(net: fx.GraphModule, node: fx.Node) -> Window | None:
    module = net.get_submodule(str(node.target)) if node.op == "call_module" else None
    if isinstance(module, nn.Conv1d | nn.Conv2d | nn.Conv3d):
        found = conv_attributes(module)
    elif isinstance(module, Op) and module.op_type in ("AveragePool", "MaxPool"):
        found = module.attributes
    else:
        return None
    kernel = tuple(found["kernel_shape"])
    rank = len(kernel)
    stride, dilation = (tuple(found.get(name) or [1] * rank) for name in ("strides", "dilations"))
    pads = tuple(found.get("pads") or [0] * (2 * rank))
    return Window(kernel, stride, dilation, pads[:rank], pads[rank:])


def _output_layers(graph: ModelGraph) -> frozenset[str]:
    """The layers from which a path without another layer leads to the output."""
    found: set[str] = set()
    stack, seen = [node.name for node in graph.nodes if node.op == "output"], set()
    while stack:
        node = graph.node[stack.pop()]
        if node.name in seen:
            continue
        seen.add(node.name)
        if node.layer:
            found.add(node.layer)
        else:
            stack.extend(node.inputs)
    return frozenset(found)


def _given(model: nn.Module, inputs: Any) -> tuple[InputForm, Tensors]:
    try:
        form = InputForm.of(model, inputs)
        return form, form.batch(inputs)
    except StructureError as error:
        raise TraceError(f"inputs of the model: {error}") from error


def _form_of(returned: Any, inputs: InputForm) -> OutputForm:
    try:
        return OutputForm.of(returned, inputs.names)
    except StructureError as error:
        raise TraceError(f"outputs of the model: {error}") from error


def _output(model: nn.Module, form: InputForm, batch: Tensors) -> Any:
    try:
        with torch.no_grad():
            return form.run(model, batch)
    except Exception as error:
        raise TraceError(
            f"the model fails on a batch of {len(batch)}: {first_line(error)}; expected a model for any batch size"
        ) from error


def _batch_of(size: int, example: Tensors) -> Tensors:
    return example[torch.arange(size) % len(example)]


def _run(net: fx.GraphModule, batch: Tensors) -> Outputs:
    try:
        returned: Outputs = net(batch)
        return returned
    except Exception as error:
        located = Located(net)
        with contextlib.suppress(Exception):
            located.run(batch)
        raise TraceError(
            f"the operator {op_of(net, located.at)} at {labels_of(net)[located.at]!r} of the model cannot be run on a "
            f"batch of {len(batch)} as it was exported ({one_line(error)}); write that part with other operators"
        ) from error


def _check_parity(expected: Tensors, actual: Outputs) -> None:
    """Compare every output; their names are those of the model's."""
    got = named(actual, OUTPUT)
    for name, wanted in named(expected, OUTPUT).items():
        what = f" {name}" if len(got) > 1 else ""
        if wanted.shape != got[name].shape:
            raise TraceError(
                f"the exported model gives{what} shape {tuple(got[name].shape)}, the model {tuple(wanted.shape)}"
            )
        worst = largest_difference(wanted, got[name])
        if not worst <= PARITY:
            raise TraceError(
                f"the exported model differs from the model by {worst:.1e} of its largest output{what} at batch "
                f"{len(wanted)}"
            )
