"""Coupled channels → slice plans, each proved before it counts."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np
import torch_pruning as tp
from torch import fx, nn

from ...errors import is_of_the_host
from ...tensors.batch import Tensors
from ..graph import ChannelGroup, Exclusion, ModelGraph, Slice
from ..layers import WEIGHTED, is_grouped
from .coupling import Ends, end_behind, mover_before, traceable
from .cut import layer_channels
from .flow import labels_of
from .proofs import Proof, Proofs


def find_groups(
    net: fx.GraphModule,
    graph: ModelGraph,
    example: Tensors,
    prove: Proof | None = None,
    on_phase: Callable[[str], None] = lambda _: None,
) -> tuple[tuple[ChannelGroup, ...], tuple[Exclusion, ...]]:
    """The channel groups of a network that hold, in execution order, and the reasons for those that do not.

    Coupling is read from torch-pruning's dependency graph (Fang et al. 2023, "DepGraph"). As that graph takes every
    operation it does not know for element-wise, a group counts only once it is proved. ``on_phase`` is told which one
    is being proved.
    """
    for movers in (False, True):
        followed = traceable(net, labels_of(net), example, movers)
        try:
            dependencies = _dependency_graph(followed.net, example)
            break
        except Exception as error:
            if is_of_the_host(error):
                raise
    else:
        reason = "which of the network's channels go together cannot be traced, so none of them can be pruned"
        return (), tuple(Exclusion(layer.name, reason) for layer in graph.layers)
    names = {module: name for name, module in net.named_modules()}
    excluded: list[Exclusion] = [
        Exclusion(name, "its output channels are the model's outputs") for name in sorted(graph.output_layers)
    ]
    covered = set(graph.output_layers)
    proofs, problems = Proofs(net, graph, example, prove), dict[str, str]()
    found: list[ChannelGroup] = []
    for layer in graph.layers:
        if layer.name in covered or layer.kind == "depthwise":
            continue
        on_phase(f"proving channel groups: {layer.name}, layer {layer.position + 1} of {len(graph.layers)}")
        module = net.get_submodule(layer.name)
        if module not in dependencies.module2node:
            excluded.append(Exclusion(layer.name, "the output does not depend on it by any gradient"))
            continue
        slices = _with_grouped(net, lambda m: _slices(dependencies, m, names), _slices(dependencies, module, names))
        covered |= {s.layer for s in slices if s.side == "out"}
        group = ChannelGroup(layer.name, layer_channels(module), _unit(net, slices), slices, layer.position)
        found.append(group)
        problem = _refusal(group, graph, followed.ends) or proofs.failure(group)
        if problem is not None:
            problems[group.name] = problem
    on_phase("proving that what is left of every channel group can be emitted")
    problems |= proofs.not_emitted([group for group in found if group.name not in problems])
    groups = [group for group in found if group.name not in problems]
    for group in found:
        if group.name in problems:
            excluded += _exclusions(group, problems[group.name], graph)
    listed = {exclusion.name for exclusion in excluded}
    for layer in graph.layers:
        if layer.kind == "depthwise" and layer.name not in covered | listed:
            mover = mover_before(layer.name, graph) or "what it reads"
            excluded.append(Exclusion(layer.name, f"its channels come through {mover}, where they cannot be followed"))
    return tuple(groups), tuple(excluded)


def _dependency_graph(net: fx.GraphModule, example: Tensors) -> tp.DependencyGraph:
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        return tp.DependencyGraph().build_dependency(net, example_inputs=[example[:1]], verbose=False)


def _slices(dependencies: tp.DependencyGraph, module: nn.Module, names: dict[nn.Module, str]) -> tuple[Slice, ...]:
    pruner = dependencies.get_pruner_of_module(module)
    width = layer_channels(module)
    group = dependencies.get_pruning_group(module, pruner.prune_out_channels, list(range(width)))
    slices: dict[tuple[str, str], Slice] = {}
    for item in group:
        target = item.dep.target.module
        if target not in names or not isinstance(target, (*WEIGHTED, nn.BatchNorm2d, nn.LayerNorm)):
            continue
        side = "out" if dependencies.is_out_channel_pruning_fn(item.dep.handler) else "in"
        if isinstance(target, nn.BatchNorm2d | nn.LayerNorm) or _depthwise(target):
            side = "out"
        key = (names[target], side)
        slices[key] = Slice(*key, np.asarray(item.root_idxs, np.int64), np.asarray(item.idxs, np.int64))
        if _depthwise(target):
            slices[names[target], "in"] = replace(slices[key], side="in")
    return tuple(slices.values())


def _with_grouped(
    net: fx.GraphModule, slices_of: Callable[[nn.Module], tuple[Slice, ...]], slices: tuple[Slice, ...]
) -> tuple[Slice, ...]:
    """Couple both sides of grouped convolutions: a group of channels that is not read is not written either."""
    found = {(s.layer, s.side): s for s in slices}
    waiting = list(slices)
    while waiting:
        part = waiting.pop()
        layer = net.get_submodule(part.layer)
        square = is_grouped(layer) and layer.in_channels == layer.out_channels
        if part.side == "out" or not square or (part.layer, "out") in found:
            continue
        root_of = np.full(layer_channels(layer), -1)
        root_of[part.locals] = part.roots
        for behind in slices_of(layer):
            key = (behind.layer, behind.side)
            known = root_of[behind.roots] >= 0
            if key not in found and known.any():
                found[key] = Slice(*key, root_of[behind.roots[known]], behind.locals[known])
                waiting.append(found[key])
    return tuple(found.values())


def _depthwise(layer: nn.Module) -> bool:
    return is_grouped(layer) and layer.groups == layer.in_channels == layer.out_channels


def _unit(net: nn.Module, slices: Iterable[Slice]) -> int:
    """How many neighbouring channels must go together: the widest group of the grouped convolutions involved."""
    unit = 1
    for part in slices:
        layer = net.get_submodule(part.layer)
        if is_grouped(layer) and not _depthwise(layer):
            assert isinstance(layer, nn.Conv1d | nn.Conv2d | nn.Conv3d)
            width = layer.in_channels if part.side == "in" else layer.out_channels
            unit = max(unit, width // layer.groups)
    return unit


def _refusal(group: ChannelGroup, graph: ModelGraph, ends: Ends) -> str | None:
    """Why a group cannot be pruned whatever its weights, or None."""
    outputs = sorted({s.layer for s in group.writers} & graph.output_layers)
    if outputs:
        return f"it is coupled to the model's outputs through {outputs[0]}"
    if group.channels // group.unit < 2:
        return "it has a single channel or a single group of channels"
    end = end_behind(group, graph, ends)
    if end is not None:
        return end
    if not group.readers:
        return "no layer reads its channels"
    return None


def _exclusions(group: ChannelGroup, problem: str, graph: ModelGraph) -> list[Exclusion]:
    """The layer that a group is named after, and the others that write its channels."""
    others = {part.layer for part in group.writers} - {group.name} - graph.output_layers
    coupled = f"its channels go with those of {group.name}: {problem}"
    return [Exclusion(group.name, problem), *(Exclusion(x.name, coupled) for x in graph.layers if x.name in others)]
