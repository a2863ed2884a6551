"""Residual blocks, found in the data flow: a branch that an addition joins to an identity of the same shape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ...spaces.network.graph import ModelGraph


@dataclass(frozen=True, slots=True)
class Block:
    """A branch that can be dropped.

    Attributes:
        name: of the block: the common prefix of its layers' names, or the addition's own name.
        addition: the node that joins the branch to the identity.
        identity: the node whose output the branch starts from and is added to.
        branch: every node of the branch.
        layers: those of them with weights, in execution order.
        again: the additions of the block's other calls, where its layers are called more than once.
    """

    name: str
    addition: str
    identity: str
    branch: frozenset[str]
    layers: tuple[str, ...]
    again: tuple[str, ...] = ()


def find_blocks(graph: ModelGraph) -> list[Block]:
    """All droppable branches in execution order; those of the same layers are one block."""
    blocks: list[Block] = []
    for node in graph.nodes:
        if node.op != "Add" or len(node.inputs) != 2 or node.inputs[0] == node.inputs[1]:
            continue
        for identity, end in (node.inputs, node.inputs[::-1]):
            if graph.node[identity].shape != node.shape or graph.node[end].shape != node.shape:
                continue
            branch = _branch(graph, end, identity, node.name)
            ran = {graph.node[name].layer for name in branch}
            layers = tuple(layer.name for layer in graph.layers if layer.name in ran)
            if branch and layers:
                names = {block.name for block in blocks}
                name = _common_prefix(layers)
                name = node.name if not name or name in names else name
                blocks.append(Block(name, node.name, identity, frozenset(branch), layers))
                break
    return _joined(graph, blocks)


def _joined(graph: ModelGraph, branches: Sequence[Block]) -> list[Block]:
    """One block for the branches that run the same layers, without those whose layers are called elsewhere too."""
    alike: dict[frozenset[str], list[Block]] = {}
    for block in branches:
        alike.setdefault(frozenset(block.layers), []).append(block)
    blocks = []
    for layers, (first, *others) in alike.items():
        inside = first.branch.union(*(block.branch for block in others))
        if all(node.name in inside for node in graph.nodes if node.layer in layers):
            blocks.append(replace(first, again=tuple(block.addition for block in others)))
    return blocks


def _branch(graph: ModelGraph, end: str, identity: str, addition: str) -> set[str]:
    """The nodes between ``identity`` and ``end``; empty where the branch reads or feeds anything else."""
    branch: set[str] = set()
    stack = [end]
    while stack:
        name = stack.pop()
        if name == identity or name in branch:
            continue
        node = graph.node[name]
        if node.op == "input":
            return set()
        branch.add(name)
        stack.extend(node.inputs)
    if any(set(graph.readers[name]) - branch - {addition} for name in branch):
        return set()
    return branch if identity not in branch else set()


def _common_prefix(names: tuple[str, ...]) -> str:
    parts = [name.split(".") for name in names]
    shared: list[str] = []
    for column in zip(*parts, strict=False):
        if len(set(column)) > 1:
            break
        shared.append(column[0])
    return ".".join(shared)
