"""Coupled channels → slice plans, each proved: pruned alone at its largest ratio, run and emitted."""

from __future__ import annotations

import contextlib
import copy
import io
import warnings
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace

import numpy as np
import torch
import torch_pruning as tp
from torch import Tensor, fx, nn

from ..errors import is_of_the_host
from .coupling import MOVING, Ends, end_behind, mover_before, mover_behind, traceable
from .flow import labels_of, op_of
from .graph import ChannelGroup, Exclusion, ModelGraph, Slice
from .layers import WEIGHTED, is_grouped, keep_inputs, keep_outputs
from .ops import Op

Proof = Callable[[fx.GraphModule, Tensor], None]
"""Shows that a pruned network can be emitted and run; raises where it cannot."""


def find_groups(
    net: fx.GraphModule, graph: ModelGraph, example: Tensor, prove: Proof | None = None
) -> tuple[tuple[ChannelGroup, ...], tuple[Exclusion, ...]]:
    """The channel groups of a network that hold, in execution order, and the reasons for those that do not.

    Coupling is read from torch-pruning's dependency graph (Fang et al. 2023, "DepGraph"). As that graph takes every
    operation it does not know for element-wise, a group counts only once it is proved.
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
    groups: list[ChannelGroup] = []
    excluded: list[Exclusion] = [
        Exclusion(name, "its output channels are the model's outputs") for name in sorted(graph.output_layers)
    ]
    covered = set(graph.output_layers)
    for layer in graph.layers:
        if layer.name in covered or layer.kind == "depthwise":
            continue
        module = net.get_submodule(layer.name)
        if module not in dependencies.module2node:
            excluded.append(Exclusion(layer.name, "the output does not depend on it by any gradient"))
            continue
        slices = _with_grouped(net, lambda m: _slices(dependencies, m, names), _slices(dependencies, module, names))
        writers = {s.layer for s in slices if s.side == "out"}
        covered |= writers
        group = ChannelGroup(layer.name, layer_channels(module), _unit(net, slices), slices, layer.position)
        problem = _refusal(group, graph, followed.ends) or _failure(net, group, graph, example, prove)
        if problem is None:
            groups.append(group)
            continue
        excluded.append(Exclusion(layer.name, problem))
        for other in graph.layers:
            if other.name in writers - {layer.name} and other.name not in graph.output_layers:
                excluded.append(Exclusion(other.name, f"its channels go with those of {layer.name}: {problem}"))
    listed = {exclusion.name for exclusion in excluded}
    for layer in graph.layers:
        if layer.kind == "depthwise" and layer.name not in covered | listed:
            mover = mover_before(layer.name, graph) or "what it reads"
            excluded.append(Exclusion(layer.name, f"its channels come through {mover}, where they cannot be followed"))
    return tuple(groups), tuple(excluded)


def cut(net: nn.Module, kept: Iterable[tuple[ChannelGroup, Collection[int]]]) -> None:
    """Cut every layer of each group down to the channels of the group that are to be kept, in place.

    All groups at once: a layer behind a concatenation reads several, whose channels are counted in the uncut layer.
    """
    remains: dict[tuple[str, str], np.ndarray] = {}
    for group, keep in kept:
        gone = ~np.isin(np.arange(group.channels), list(keep))
        for part in group.slices:
            width = _width(net.get_submodule(part.layer), part.side)
            left = remains.setdefault((part.layer, part.side), np.ones(width, bool))
            left[part.locals[gone[part.roots]]] = False
    for (name, side), left in remains.items():
        cut_layer(net.get_submodule(name), side, torch.from_numpy(np.flatnonzero(left)))


def cut_layer(layer: nn.Module, side: str, keep: Tensor) -> None:
    """Cut one side of a layer; grouped convolutions lose whole groups, so both of their sides are cut alike."""
    if is_grouped(layer):
        assert isinstance(layer, nn.Conv1d | nn.Conv2d | nn.Conv3d)
        if side == "out":
            keep_outputs(layer, keep)
        else:
            per_group = layer.in_channels // layer.groups
            layer.groups = len(keep) // per_group
            layer.in_channels = len(keep)
        return
    if side == "out":
        keep_outputs(layer, keep)
    else:
        keep_inputs(layer, keep)


def layer_channels(layer: nn.Module) -> int:
    """Output channels of a layer with weights, of a norm too."""
    return int(layer.get_parameter("weight").shape[0])


def _dependency_graph(net: fx.GraphModule, example: Tensor) -> tp.DependencyGraph:
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        return tp.DependencyGraph().build_dependency(net, example_inputs=example[:1], verbose=False)


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


def _width(layer: nn.Module, side: str) -> int:
    if side == "out":
        return layer_channels(layer)
    if is_grouped(layer):
        return int(layer.in_channels)  # type: ignore[arg-type]
    return int(layer.get_parameter("weight").shape[1])


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


def _failure(
    net: fx.GraphModule, group: ChannelGroup, graph: ModelGraph, example: Tensor, prove: Proof | None
) -> str | None:
    """Prune the group alone, run it and have it emitted; what went wrong, as a sentence, or None.

    A scattered quarter of the channels is kept. The pruned network must compute what the whole network computes once
    the readers ignore the removed channels; a wrong channel map that happens to fit in shape is found out by that.
    """
    units = group.channels // group.unit
    chosen = np.random.default_rng(0).choice(units, max(1, units // 4), replace=False)
    keep = [unit * group.unit + i for unit in sorted(chosen.tolist()) for i in range(group.unit)]
    mover = mover_behind(group, graph)
    elsewhere = f"its channels are not the same channels everywhere: {mover or 'an operator'} lies between"
    if any(part.locals.max(initial=-1) >= _width(net.get_submodule(part.layer), part.side) for part in group.slices):
        return elsewhere
    pruned, masked = copy.deepcopy(net), copy.deepcopy(net)
    cut(pruned, [(group, keep)])
    _mask(masked, group, keep)
    run = _Located(pruned)
    try:
        with torch.no_grad():
            expected, got = masked(example), run.run(example)
        if got.shape != expected.shape:
            return f"pruned alone, it changes the output's shape from {tuple(expected.shape)} to {tuple(got.shape)}"
        if not torch.isfinite(got).all():
            return "pruned alone, it gives non-finite outputs"
        mixed = any(isinstance(net.get_submodule(s.layer), nn.LayerNorm) for s in group.slices)
        gap = float((got - expected).abs().max()) / (float(expected.abs().max()) or 1.0)
        if not mixed and gap > 1e-3:
            return elsewhere
    except Exception as error:
        if is_of_the_host(error):
            raise
        return _stuck(pruned, run.at)
    try:
        if prove is not None:
            prove(pruned, example)
    except Exception as error:
        if is_of_the_host(error):
            raise
        return (
            f"pruned alone, it gives no ONNX file that computes the same{f' ({mover} lies behind it)' if mover else ''}"
        )
    return None


class _Located(fx.Interpreter):
    """Runs a network and knows at which node it is."""

    at: fx.Node

    def run_node(self, n: fx.Node) -> object:
        self.at = n
        return super().run_node(n)


def _stuck(net: fx.GraphModule, node: fx.Node) -> str:
    """Why a network with fewer channels cannot be run beyond a node."""
    where = f"{op_of(net, node)} {labels_of(net)[node]!r}"
    if op_of(net, node) in MOVING:
        return f"its channels pass through {where}, which fixes their number"
    if isinstance(module := net.get_submodule(str(node.target)), Op) and module.constants:
        return f"its channels pass through {where}, which holds a number for each of them"
    return f"its channels pass through {where}, which does not follow when they are pruned"


def _mask(net: fx.GraphModule, group: ChannelGroup, keep: Collection[int]) -> None:
    """Make every dense reader of the group ignore all channels but ``keep``."""
    kept = np.isin(np.arange(group.channels), list(keep))
    for part in group.readers:
        layer = net.get_submodule(part.layer)
        if not is_grouped(layer):
            gone = torch.from_numpy(part.locals[~kept[part.roots]])
            layer.get_parameter("weight").data[:, gone] = 0
