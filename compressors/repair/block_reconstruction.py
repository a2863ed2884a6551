"""Blocks trained one after the other until what lies behind each of them is what it was; no labels are needed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from ...spaces.network.layers import WEIGHTED
from ...spaces.tensors.batch import Tensors, channels_last, floats
from ...spaces.tensors.one_thread import one_thread
from ..context import Context
from ..statistics.calibration import Calibration
from ..statistics.invariances import invariances, moved
from ..statistics.sampling import module_of
from .compensate import LeastSquares
from .counterparts import Counterpart, Values, counterpart_of, shapes_of
from .repair import Repair
from .segments import Segment, segments_of

AHEAD = 1
"""How many blocks behind a block are looked through."""
STEPS = 60
"""Of the optimiser, for each block."""
BATCH = 64
RATE = 0.06
"""The greatest learning rate, relative to the root mean square of a layer's weights."""
WARM_UP = 0.1
HELD_BYTES = 2**30
"""Of the values that are held at once; where the calibration inputs would take more, fewer of them are used."""
COPIES = 4
"""How many times each image is there, changed by the crops and flips that leave what the uncompressed network says."""
JUDGED_ON = 256
"""Images by which it is told whether they do."""
NEAR = 1e-8
"""A loss from which on there is nothing to mend."""


class BlockReconstruction(Repair):
    """Least squares, and then each block trained until what lies behind it is what it was.

    Blocks, which lie between two places where only one tensor is alive, are taken in forward order. All weights and
    biases of a block are trained by Adam to the least

        (1 / (K + 1)) Σ_k ‖f_{l+k}(…f_l(x)) − y_{l+k}‖² / ‖y_{l+k} − mean(y_{l+k})‖²,   k = 0 … K,

    where x is what the compressed network gives the block, f are the blocks of the compressed network, and y is what
    the uncompressed network gives at the same place, in the channels that are left. Behind the last block stand the
    outputs. The sum over k is the K-step look-ahead of Lucas, Mazumder 2025, "Preserving Deep Representations in
    One-Shot Pruning: A Hessian-Free Second-Order Optimization Framework" (SNOWS); the rest is the block
    reconstruction of Li et al. 2021, "BRECQ: Pushing the Limit of Post-Training Quantization by Block
    Reconstruction". Deviations: instead of masks there are networks whose channels and blocks are gone;
    what is looked ahead through is compressed as well; errors are relative to the variance of what is wanted, and not
    weighted by the Fisher information; a first-order method, with which Newton's steps by conjugate gradients were
    compared (see docs/what_was_tried.md); images are cropped and flipped where the uncompressed network does not mind.
    A block whose loss over the calibration inputs has not become smaller keeps its weights.

    A block's layers that are called from elsewhere too are left alone, as are blocks where nothing is amiss.
    """

    name = "block_reconstruction"
    strength = 35
    quick = "least_squares"
    by_least_squares = True

    def apply(self, net: fx.GraphModule, context: Context) -> None:
        LeastSquares().apply(net, context)
        reconstruct(net, context.calibration)


@dataclass(frozen=True)
class Reconstructed:
    """What training one block has done.

    Attributes:
        end: the name of the block's last node.
        before: the loss over the calibration inputs, see :class:`BlockReconstruction`; lower is better.
        after: the same with the weights that were kept.
    """

    end: str
    before: float
    after: float


@one_thread()
def reconstruct(net: fx.GraphModule, calibration: Calibration) -> list[Reconstructed]:
    """Train all blocks of ``net`` in place, one after the other; tells what came of those that could be trained."""
    here, there = (shapes_of(which, calibration.example) for which in (net, calibration.net))
    counterparts: dict[str, Counterpart] = {}

    def comparable(node: fx.Node) -> bool:
        if node.name not in here or node.name not in there or not _is_read_by_a_layer(net, node):
            return False
        found = counterpart_of(net, node, here[node.name], there[node.name])
        if found is not None:
            counterparts[node.name] = found
        return found is not None

    blocks = segments_of(net, comparable)
    ends = [block.end.name for block in blocks]
    inputs, judged = _inputs(calibration, _count([here[end][1:] for end in ends[:-1]]))
    teacher = Values(calibration.net, inputs, ends)
    generator = torch.Generator().manual_seed(0)
    value: Any = inputs
    wanted: list[_Wanted] = []
    told = []
    for index, block in enumerate(blocks):
        window = slice(index, index + 1 + AHEAD)
        with calibration.forward():
            wanted += [_wanted(teacher.of(end), counterparts.get(end)) for end in ends[window][len(wanted) :]]
        objective = _Objective(blocks[window], value, wanted, judged)
        layers = _layers(net, block)
        before = objective.whole()
        if layers and before > NEAR:
            told.append(Reconstructed(ends[index], before, _train(objective, layers, before, generator)))
        with torch.no_grad(), calibration.forward():
            value = block(value)
        wanted.pop(0)
    return told


_Wanted = list[tuple[Tensor, float]]
"""What the uncompressed network gives at one place, or its outputs, each with its variance."""


@dataclass(frozen=True, eq=False)
class _Objective:
    """The loss of a block.

    Attributes:
        window: the block, and those that are looked through.
        value: what the block reads, for all inputs.
        wanted: behind each block of the window, for all inputs.
        judged: how many of the inputs, the first ones, it is judged on.
    """

    window: Sequence[Segment]
    value: Any
    wanted: Sequence[_Wanted]
    judged: int

    def whole(self) -> float:
        """Over the calibration inputs as they are."""
        with torch.no_grad():
            return float(self.of(slice(self.judged)))

    def of(self, rows: Tensor | slice) -> Tensor:
        """Over the inputs of these indices."""
        value, losses = self.value[rows], []
        for block, wanted in zip(self.window, self.wanted, strict=True):
            value = block(value)
            for given, (aim, variance) in zip(floats(value), wanted, strict=True):
                losses.append(F.mse_loss(given, aim[rows]) / variance)
        return torch.stack(losses).mean()


def _train(objective: _Objective, layers: Sequence[nn.Module], before: float, generator: torch.Generator) -> float:
    """Train layers in place; where that has not made the loss smaller they are as they were. Returns the loss."""
    parameters = [parameter for layer in layers for parameter in layer.parameters(recurse=False)]
    held = [parameter.detach().clone() for parameter in parameters]
    rates = [RATE * _scale(layer) for layer in layers for _ in layer.parameters(recurse=False)]
    optimiser = torch.optim.Adam([{"params": [parameter]} for parameter in parameters])
    count = len(objective.wanted[0][0][0])
    with _trained_alone(objective.window[0].net, parameters), torch.enable_grad():
        for step in range(STEPS):
            loss = objective.of(torch.randperm(count, generator=generator)[:BATCH])
            if not loss.requires_grad:
                return before
            gradients = torch.autograd.grad(loss, parameters, allow_unused=True, materialize_grads=True)
            for parameter, gradient in zip(parameters, gradients, strict=True):
                parameter.grad = gradient
            share = min((step + 1) / (WARM_UP * STEPS), (STEPS - step) / ((1 - WARM_UP) * STEPS))
            for group, rate in zip(optimiser.param_groups, rates, strict=True):
                group["lr"] = rate * share
            optimiser.step()
    after = objective.whole()
    if after < before:
        return after
    with torch.no_grad():
        for parameter, original in zip(parameters, held, strict=True):
            parameter.copy_(original)
    return before


def _scale(layer: nn.Module) -> float:
    """The root mean square of a layer's weights: a batch norm folded in makes them large or small."""
    return float(layer.get_parameter("weight").detach().square().mean().sqrt())


@contextmanager
def _trained_alone(net: nn.Module, parameters: Sequence[nn.Parameter]) -> Iterator[None]:
    """Only ``parameters`` ask for gradients inside; afterwards none is left, and all ask for them that did."""
    asked = [(parameter, parameter.requires_grad) for parameter in net.parameters()]
    chosen = set(map(id, parameters))
    for parameter, _ in asked:
        parameter.requires_grad_(id(parameter) in chosen)
    try:
        yield
    finally:
        for parameter, before in asked:
            parameter.requires_grad_(before)
            parameter.grad = None


def _layers(net: fx.GraphModule, block: Segment) -> list[nn.Module]:
    """The layers with weights that are called from inside of a block, and from nowhere else."""
    inside = {node.target for node in block.nodes if isinstance(module_of(net, node), WEIGHTED)}
    outside = {node.target for node in net.graph.nodes if node not in set(block.nodes)}
    return [net.get_submodule(str(name)) for name in sorted(inside - outside, key=str)]


def _is_read_by_a_layer(net: fx.GraphModule, node: fx.Node) -> bool:
    """Whether a block may end here: activations belong to the block before, additions to the branch."""
    return any(isinstance(module_of(net, user), WEIGHTED) for user in node.users)


def _wanted(value: Any, counterpart: Counterpart | None) -> _Wanted:
    parts = [part if counterpart is None else counterpart.of(part) for part in floats(value)]
    return [(part, _variance(part)) for part in parts]


def _variance(wanted: Tensor) -> float:
    return max(float((wanted - wanted.mean(0)).square().mean()), torch.finfo(torch.float32).tiny)


def _inputs(calibration: Calibration, limit: int) -> tuple[Tensors, int]:
    """Calibration inputs and changed copies of them, ``limit`` in all; and how many of them are as they were."""
    inputs = calibration.inputs[:limit]
    kinds = calibration.once("invariances", lambda: invariances(calibration.net, calibration.inputs[:JUDGED_ON]))
    if not kinds or not isinstance(inputs, Tensor):
        return inputs, len(inputs)
    draw = np.random.default_rng(0)
    copies = [moved(inputs, kinds, draw) for _ in range(min(COPIES, limit // len(inputs)) - 1)]
    return channels_last(torch.cat([inputs, *copies])), len(inputs)


def _count(shapes: Sequence[torch.Size]) -> int:
    """How many inputs there is room for: values of a window are held for each, wanted and given."""
    largest = max((shape.numel() for shape in shapes), default=1)
    return max(1, HELD_BYTES // (4 * largest * 2 * (AHEAD + 2)))
