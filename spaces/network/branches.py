"""Nodes that run only where an input needs them: put into a branch of an ONNX ``If``, and taken out of it again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import onnx
import onnx_ir as ir

from .emission import Builder, Either

THRESHOLD = ".exit_threshold"
"""How the name of an initialiser ends that says how sure an exit must be, a scalar."""
TO_LAST, FROM_LAST = (0, 2, 3, 1), (0, 3, 1, 2)
"""Channels of images moved to the last axis, and back."""


def branched(builder: Builder, nodes: Sequence[ir.Node]) -> list[ir.Node]:
    """``nodes`` in which each :class:`~.emission.Either` is an ``If``, with all that only it needs in a branch.

    What :meth:`Builder.either` has computed is ``Where(rows, one, other)``. The ``If`` gives ``one`` where all rows are
    set, and else what it gave before, so that the file computes the same for every batch. The branch has initialisers
    of its own: ONNX Runtime lays out and fuses weights only in the graph that holds them. Integers are turned into
    floats in the branch, for the same reason, and images of them get there with their channels last, as int8
    convolutions want them: ONNX Runtime does not move a transposition over the border of a branch (ResNet-56 behind
    its first stage had 36 of them).

    Args:
        builder: that made the nodes; initialisers that only branches read are taken from it.
        nodes: in execution order, all of them read.
    """
    kept, owners = list(nodes), dict[ir.Node, ir.Node]()
    for either in builder.eithers:
        if either.chosen.producer() in kept:
            kept = _with_branch(builder, kept, either, owners)
    return kept


def _with_branch(
    builder: Builder, nodes: list[ir.Node], either: Either, owners: dict[ir.Node, ir.Node]
) -> list[ir.Node]:
    chosen = either.chosen
    last = chosen.producer()
    assert last is not None
    name = str(last.name)
    same = ir.node("Identity", [either.one], name=f"{name}.left")
    same.outputs[0].name = f"{name}.left:out"
    fork = ir.Node("", "If", [either.all_rows], name=f"{name}.branch")
    output = fork.outputs[0]
    output.name, output.type, output.shape = chosen.name, chosen.type, chosen.shape
    chosen.name = f"{name}.rest:out"
    ir.convenience.replace_all_uses_with(chosen, output)
    inside = _only_for(last, nodes, owners)
    added, outside = _entries(name, nodes, inside, owners)
    constants = _own_constants(builder, name, [*added, *inside], owners)
    for node in [*added, *inside]:
        owners[node] = fork
        for nested, owner in list(owners.items()):
            if owner is node:
                owners[nested] = fork
    owners[same] = fork
    kept = [node for node in nodes if node not in inside]
    chosen.type = same.outputs[0].type = ir.TensorType(ir.DataType.FLOAT)
    for key, value, run, held in (
        ("then_branch", same.outputs[0], [same], []),
        ("else_branch", chosen, [*added, *inside], constants),
    ):
        graph = ir.Graph([], [value], nodes=run, initializers=held, name=f"{name}.{key}")
        fork.attributes[key] = ir.AttrGraph(key, graph)
    place = next((index for index, node in enumerate(kept) if _reads(node, output, owners)), len(kept))
    return [*kept[:place], *outside, fork, *kept[place:]]


def _only_for(last: ir.Node, nodes: Sequence[ir.Node], owners: Mapping[ir.Node, ir.Node]) -> list[ir.Node]:
    """``last`` and the nodes that nothing else reads, in order."""
    found = {last}
    for node in reversed(nodes):
        users = {owners.get(user, user) for output in node.outputs for user, _ in output.uses()}
        if users and users <= found:
            found.add(node)
    return [node for node in nodes if node in found]


def _entries(
    name: str, nodes: Sequence[ir.Node], inside: Sequence[ir.Node], owners: Mapping[ir.Node, ir.Node]
) -> tuple[list[ir.Node], list[ir.Node]]:
    """Copies in the branch of what turns integers from outside into floats; what has to stand before the branch."""
    within = set(inside)
    added, outside = list[ir.Node](), list[ir.Node]()
    for node in nodes:
        uses = [use for use in node.outputs[0].uses() if owners.get(use.node, use.node) in within]
        if node.op_type != "DequantizeLinear" or node in within or not uses:
            continue
        integers, *rest = node.inputs
        assert integers is not None
        if any(_is_of_images(use.node) for use in uses) and integers.producer() is not None:
            before, after = (
                ir.node("Transpose", [integers], {"perm": TO_LAST}, name=f"{node.name}.{name}.channels_last"),
                ir.node("Transpose", [None], {"perm": FROM_LAST}, name=f"{node.name}.{name}.channels_first"),
            )
            for made in (before, after):
                made.outputs[0].name = f"{made.name}:out"
            after.replace_input_with(0, before.outputs[0])
            outside.append(before)
            added.append(after)
            integers = after.outputs[0]
        copy = ir.Node("", node.op_type, [integers, *rest], list(node.attributes.values()), name=f"{node.name}.{name}")
        copy.outputs[0].name = f"{copy.name}:out"
        for user, position in uses:
            user.replace_input_with(position, copy.outputs[0])
        added.append(copy)
    return added, outside


def _is_of_images(node: ir.Node) -> bool:
    """Whether a node is a convolution of images."""
    kernel = node.attributes.get("kernel_shape") if node.op_type == "Conv" else None
    return kernel is not None and len(kernel.as_ints()) == 2


def _own_constants(
    builder: Builder, name: str, inside: Sequence[ir.Node], owners: Mapping[ir.Node, ir.Node]
) -> list[ir.Value]:
    """The initialisers that nodes of the branch read: taken from the graph around it, or copies of what is read there.

    Thresholds stay where they are, so that they are found.
    """
    within, constants = set(inside), dict[str, ir.Value]()
    for node in inside:
        for position, value in enumerate(node.inputs):
            full = "" if value is None else str(value.name)
            if value is None or builder.initializers.get(full) is not value or full.endswith(THRESHOLD):
                continue
            if all(owners.get(user, user) in within for user, _ in value.uses()):
                constants[full] = value
                continue
            copied = f"{full}.{name}"
            if copied not in constants:
                held = value.const_value
                constants[copied] = ir.Value(name=copied, shape=value.shape, type=value.type, const_value=held)
            node.replace_input_with(position, constants[copied])
    for full in constants:
        builder.initializers.pop(full, None)
    return list(constants.values())


def _reads(node: ir.Node, value: ir.Value, owners: Mapping[ir.Node, ir.Node]) -> bool:
    return any(owners.get(user, user) is node for user, _ in value.uses())


def flat_nodes(graph: ir.Graph) -> Iterator[ir.Node]:
    """The nodes of a graph in execution order; in place of an ``If`` of :func:`branched` those of its longer branch."""
    for node in graph:
        if (inner := _rest_of(node)) is None:
            yield node
        else:
            yield from flat_nodes(inner)


def flatten(graph: ir.Graph) -> None:
    """Undo :func:`branched`, in place: what runs only where an input needs it runs always, and the same is computed.

    The nodes are then those of :func:`flat_nodes`, in that order.
    """
    for node in list(graph):
        inner = _rest_of(node)
        if inner is None:
            continue
        flatten(inner)
        (result,) = inner.outputs
        for constant in list(inner.initializers.values()):
            inner.initializers.pop(str(constant.name))
            graph.register_initializer(constant)
        inside = list(inner)
        inner.outputs.clear()
        inner.remove(inside)
        graph.insert_before(node, inside)
        (before,) = node.outputs
        ir.convenience.replace_all_uses_with(before, result, replace_graph_outputs=True)
        graph.remove(node, safe=True)
        result.name, result.shape = before.name, before.shape


def _rest_of(node: ir.Node) -> ir.Graph | None:
    """The branch of an ``If`` that computes the right rows whatever the condition is; None for any other node."""
    if node.op_type != "If" or node.domain or not str(node.name).endswith(".branch"):
        return None
    held = node.attributes.get("else_branch")
    return None if held is None else held.as_graph()


def thresholds(content: bytes) -> list[float]:
    """How sure each exit of a file must be, in the order in which an input comes to them; empty without exits."""
    return [float(onnx.numpy_helper.to_array(held)) for held in _held(onnx.ModelProto.FromString(content))]


def with_thresholds(content: bytes, values: Sequence[float]) -> bytes:
    """The same file with other thresholds, in the order of :func:`thresholds`."""
    model = onnx.ModelProto.FromString(content)
    for held, value in zip(_held(model), values, strict=True):
        held.CopyFrom(onnx.numpy_helper.from_array(np.array(value, np.float32), held.name))
    return bytes(model.SerializeToString(deterministic=True))


def _held(model: onnx.ModelProto) -> list[onnx.TensorProto]:
    """The initialisers that are thresholds. The last exit is written first: those before it choose what it gives."""
    return [held for held in model.graph.initializer if held.name.endswith(THRESHOLD)][::-1]


def all_initializers(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    """Those of a graph, and of the branches in it."""
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                yield from all_initializers(attribute.g)
