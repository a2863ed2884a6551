"""Unstructured pruning: the smallest weights of a layer become zero, and zeros take next to no bytes in the file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, ClassVar

import numpy as np
import torch
from pydantic import ValidationInfo, field_validator
from torch import Tensor, fx

from ...spaces.knob import Choice, Knob
from ...spaces.network.graph import ModelGraph
from ..base import Compressor
from ..context import Context
from ..options import CompressorOptions, one_of
from ..plan import Plan
from ..repair.renormalize import output_statistics, renormalize
from ..stage import Stage
from .stored_weights import IMAGES, UNPACKING, parts_of, store, worthwhile

UNSTRUCTURED = "unstructured"
SCOPES = ("layer", "global")


class PruneWeightsOptions(CompressorOptions):
    """Options of ``prune_weights``.

    Attributes:
        sparsities: fractions of a layer's weights that are set to zero; not read where ``pattern`` is N:M.
        pattern: ``"unstructured"``, or N:M (``"2:4"``): N weights are kept of every M consecutive ones.
        scope: ``"layer"``, or ``"global"``: one threshold for all layers chosen.
        renormalize: whether outputs of pruned layers are scaled and shifted to the mean and deviation they had.
    """

    sparsities: tuple[float, ...] = (0.0, 0.5, 0.7, 0.8, 0.9)
    pattern: str = UNSTRUCTURED
    scope: Annotated[str, one_of(SCOPES)] = "layer"
    renormalize: bool = True

    @field_validator("sparsities")
    @classmethod
    def _sparsities(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if not value or any(not 0 <= sparsity < 1 for sparsity in value):
            raise ValueError("expected fractions of weights to set to zero, each at least 0 and below 1")
        return tuple(sorted({0.0, *map(float, value)}))

    @field_validator("pattern")
    @classmethod
    def _pattern(cls, value: str) -> str:
        found = re.fullmatch(r"(\d+):(\d+)", value)
        if value != UNSTRUCTURED and (found is None or not 1 <= int(found[1]) < int(found[2])):
            raise ValueError("expected unstructured, or N:M with N at least 1 and below M, such as 2:4")
        return value

    @field_validator("scope")
    @classmethod
    def _scope(cls, value: str, info: ValidationInfo) -> str:
        if value == "global" and info.data.get("pattern") != UNSTRUCTURED:
            raise ValueError("expected layer where there is a pattern, which each layer meets for itself")
        return value

    @property
    def kept_of(self) -> tuple[int, int] | None:
        """N and M of the pattern, or None where there is none."""
        if self.pattern == UNSTRUCTURED:
            return None
        kept, of = self.pattern.split(":")
        return int(kept), int(of)


class PruneWeights(Compressor):
    """Sets the weights of least magnitude to zero. A knob per layer: the fraction, 0.0 to leave it alone.

    Han et al. 2015, "Learning both Weights and Connections for Efficient Neural Networks", section 3; with an N:M
    pattern, Zhou et al. 2021, "Learning N:M Fine-grained Structured Sparse Neural Networks From Scratch", eq. 1.
    Deviations: the threshold follows from the fraction rather than from the weights' deviation; nothing is retrained,
    outputs are scaled and shifted instead (``renormalize``); magnitudes are those of the folded network, each weight
    with its batch norm's scale; consecutive weights of a pattern are those of one output in memory, input channel by
    input channel, kernel places within, and the last of them, fewer than M, keep N too.

    With scope ``"global"`` the layers chosen share one threshold, such that over all of them together as many weights
    are zero as the fractions, weighted by the layers' sizes, ask for; a layer alone may end above or below its own.

    Of 500 Fashion-MNIST images a residual network of 22 layers, all at 0.7, gets 93.8 % right once renormalised, 65.6 %
    without, 34.8 % with its biases alone corrected: means are kept then, but the signal fades (uncompressed: 94.0 %).

    Where a candidate is recovered, ``recover.sparsity`` says when in the course of training its weights become zero.

    What this saves is bytes of the file: a bit for each weight, and the weights that are left. The runtime unpacks them
    when it loads the file and computes with the zeros, so latency stays as it is. Layers with fewer than 1,024 weights
    get no knob.
    """

    name = "prune_weights"
    stage = Stage.SPARSIFY
    Options: ClassVar[type[CompressorOptions]] = PruneWeightsOptions
    options: PruneWeightsOptions

    def plan(self, graph: ModelGraph) -> Plan:
        return Plan(self.name, self.stage, self._knobs(graph), self._prune, masks=self._masks)

    def _knobs(self, graph: ModelGraph) -> list[Knob]:
        knobs = []
        for layer, count in worthwhile(graph):
            choices = (0.0, *(s for s in self._sparsities() if 4 * s * count > count / 8 + UNPACKING))
            if len(choices) > 1:
                knobs.append(Knob(self.name, layer.name, choices, 0.0, frozenset({layer.name}), layer.position))
        return knobs

    def _sparsities(self) -> tuple[float, ...]:
        pattern = self.options.kept_of
        return (1 - pattern[0] / pattern[1],) if pattern else self.options.sparsities

    def _prune(self, net: fx.GraphModule, choices: Mapping[str, Choice], context: Context) -> fx.GraphModule:
        pruned = self._pruned(*_chosen(net, choices))
        if not self.options.renormalize:
            store(net, pruned)
            return net
        inputs = context.calibration.compensation_inputs[:IMAGES]
        with context.calibration.forward():
            wanted = output_statistics(net, pruned, inputs)
            store(net, pruned)
            renormalize(net, wanted, inputs)
        return net

    def _masks(self, net: fx.GraphModule, choices: Mapping[str, Choice], share: float) -> dict[str, Tensor]:
        """Which weights are kept once a share of the zeros is there; of N:M, more than N of M before it is 1."""
        weights, sparsities = _chosen(net, choices)
        above_zero = {node: w.abs().clamp_min(torch.finfo(w.dtype).tiny) for node, w in weights.items()}
        return {str(node.target): kept != 0 for node, kept in self._pruned(above_zero, sparsities, share).items()}

    def _pruned(
        self, weights: Mapping[fx.Node, Tensor], sparsities: Mapping[fx.Node, float], share: float = 1.0
    ) -> dict[fx.Node, Tensor]:
        pattern = self.options.kept_of
        if pattern:
            kept, of = pattern[1] - int(share * (pattern[1] - pattern[0]) + 1e-6), pattern[1]
            return {node: prune_pattern(weight, kept, of) for node, weight in weights.items()}
        if self.options.scope == "layer" or not weights:
            return {node: prune(weight, share * sparsities[node]) for node, weight in weights.items()}
        joined = torch.cat([weight.flatten() for weight in weights.values()])
        wanted = sum(share * sparsities[node] * weight.numel() for node, weight in weights.items())
        split = torch.split(prune(joined, wanted / joined.numel()), [weight.numel() for weight in weights.values()])
        return {node: part.view(weight.shape) for (node, weight), part in zip(weights.items(), split, strict=True)}


def _chosen(net: fx.GraphModule, choices: Mapping[str, Choice]) -> tuple[dict[fx.Node, Tensor], dict[fx.Node, float]]:
    """The weights of the layers that choices are of, and the fraction of zeros of each, by the node that runs it."""
    weights: dict[fx.Node, Tensor] = {}
    sparsities: dict[fx.Node, float] = {}
    for name, sparsity in choices.items():
        parts = parts_of(net, name)
        weights |= parts
        sparsities |= dict.fromkeys(parts, float(sparsity))
    return weights, sparsities


def prune(weight: Tensor, sparsity: float) -> Tensor:
    """``weight`` with the least of its magnitudes set to zero, ⌊sparsity · size⌋ of them exactly, also among equals."""
    count = int(sparsity * weight.numel() + 1e-6)
    pruned = weight.flatten().clone()
    if count:
        least = np.argpartition(pruned.abs().numpy(), count - 1)[:count]
        pruned[torch.from_numpy(least)] = 0
    return pruned.view(weight.shape)


def prune_pattern(weight: Tensor, kept: int, of: int) -> Tensor:
    """``weight`` with the ``kept`` greatest magnitudes of every ``of`` consecutive ones of an output, the rest zero."""
    flat = weight.flatten(1)
    groups = -(-flat.shape[1] // of)
    padded = torch.nn.functional.pad(flat, (0, groups * of - flat.shape[1])).view(len(flat), groups, of)
    places = padded.abs().sort(dim=2, descending=True, stable=True).indices[:, :, :kept]
    chosen = torch.zeros_like(padded).scatter_(2, places, padded.gather(2, places))
    return chosen.view(len(flat), -1)[:, : flat.shape[1]].reshape(weight.shape)
