"""The user's modules that own parameters, and where the exported graph reads these: nothing may go unaccounted for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import onnx_ir as ir
from torch import nn

_SCOPES = "pkg.torch.onnx.name_scopes"


@dataclass(frozen=True)
class Owner:
    """A module of the user's model with parameters of its own that the network reads.

    Attributes:
        name: of the module; for a parameter of the model itself, of the parameter.
        params: how many numbers these parameters hold; one that several modules share counts for the first.
        op: the ONNX operator that reads them first, e.g. ``"Conv"``.
        scopes: the modules in which they are read, first to last.
        before: the module whose parameters were read last on the way to ``op``; "" where there is none.
        tied: the modules besides the first that read one of its weights.
    """

    name: str
    params: int
    op: str
    scopes: tuple[str, ...]
    before: str = ""
    tied: tuple[str, ...] = ()


def owners_of(graph: ir.Graph, model: nn.Module) -> tuple[Owner, ...]:
    """The owners of a model's parameters in the order they are read; ``graph`` as exported, not optimised."""
    computed = _computed(graph)
    first: dict[nn.Parameter, str] = {}
    readers: dict[str, list[ir.Node]] = {}
    for alias, parameter in model.named_parameters(remove_duplicate=False):
        name = first.setdefault(parameter, alias)
        if alias in graph.initializers:
            readers.setdefault(name, []).extend(dict.fromkeys(_readers(graph.initializers[alias], computed)))
    sizes = {name: parameter for parameter, name in first.items()}
    position = {node: index for index, node in enumerate(graph)}
    by_owner: dict[str, list[str]] = {}
    for name in sorted((n for n in readers if readers[n]), key=lambda n: min(position[r] for r in readers[n])):
        by_owner.setdefault(_owner(name), []).append(name)
    found = []
    for owner, names in by_owner.items():
        nodes = sorted({node for name in names for node in readers[name]}, key=position.__getitem__)
        scopes = dict.fromkeys(scope_of(node) for node in nodes)
        weights = [name for name in names if sizes[name].dim() > 1]
        shared = dict.fromkeys(scope_of(node) for name in weights for node in readers[name])
        tied = tuple(scope for scope in shared if scope != owner) if len(shared) > 1 else ()
        params = sum(sizes[name].numel() for name in names)
        found.append(Owner(owner, params, nodes[0].op_type, tuple(scopes), _before(nodes[0], readers, computed), tied))
    return tuple(found)


def scope_of(node: ir.Node) -> str:
    """The user's module that a node was traced in, as the exporter noted it; "" for the model itself."""
    scopes = node.metadata_props.get(_SCOPES, "")
    names = re.findall(r"'([^']*)'", scopes)
    return names[-2] if len(names) > 1 and not names[-2].startswith("_empty") else ""


def name_shared_modules(graph: ir.Graph, model: nn.Module) -> None:
    """Note for every node the first name that its module has in ``model``, where it has several."""
    first: dict[nn.Module, str] = {}
    other = {}
    for name, module in model.named_modules(remove_duplicate=False):
        if first.setdefault(module, name) != name:
            other[name] = first[module]
    for node in graph:
        scope = scope_of(node)
        if scope in other:
            node.metadata_props[_SCOPES] = str(["", other[scope], node.name])


def _owner(parameter: str) -> str:
    """The module that a parameter belongs to; those of a parametrized weight belong to the layer."""
    path = re.sub(r"\.?parametrizations\..*", ".weight", parameter).removeprefix(".")
    return path.rpartition(".")[0] or path


def _computed(graph: ir.Graph) -> set[ir.Value]:
    """The values that depend on the input."""
    found: set[ir.Value] = set(graph.inputs)
    for node in graph:
        if any(value in found for value in _data(node)):
            found.update(node.outputs)
    return found


def _data(node: ir.Node) -> Sequence[ir.Value | None]:
    """The inputs of which a node reads the values, and not just the shape or the type."""
    if node.op_type in ("Shape", "Size", "ConstantOfShape"):
        return ()
    return node.inputs[:1] if node.op_type in ("CastLike", "Expand", "Reshape") else node.inputs


def _readers(value: ir.Value, computed: set[ir.Value]) -> Iterable[ir.Node]:
    """The nodes that combine a constant, or what is made of it alone, with a value that depends on the input."""
    for node, _ in value.uses():
        if value not in _data(node):
            continue
        if node.outputs[0] in computed:
            yield node
        else:
            for output in node.outputs:
                yield from _readers(output, computed)


def _before(node: ir.Node, readers: dict[str, list[ir.Node]], computed: set[ir.Value]) -> str:
    """The owner of the parameters that were read last on the one way to a node."""
    owners = {reader: _owner(name) for name, nodes in readers.items() for reader in nodes}
    while True:
        sources = [value for value in _data(node) if value in computed]
        producer = sources[0].producer() if len(sources) == 1 and sources[0] is not None else None
        if producer is None:
            return ""
        if producer in owners:
            return owners[producer]
        node = producer
