"""Weight sharing: the weights of a layer take one of a few values, and the file holds short indices into a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from pydantic import field_validator
from torch import Tensor, fx

from ...spaces.knob import Choice, Knob
from ...spaces.network.graph import ModelGraph
from ..base import Compressor
from ..context import Context
from ..options import CompressorOptions
from ..pattern import mark_clustered
from ..plan import Plan
from ..repair.bias_correction import correct_biases
from ..stage import Stage
from .kmeans import centroids_of, nearest
from .stored_weights import IMAGES, UNPACKING, parts_of, store, worthwhile

MOST = 256


class ShareOptions(CompressorOptions):
    """Options of ``share_weights``.

    Attributes:
        clusters: numbers of values that a layer's weights may take, 2 to 256; 0 leaves them as they are. An index takes
            8 bits above 16 values, 4 above 4, 2 above 2; what 64 save over 256 shows in a file made by
            ``parefront pack``.
        bias_correction: whether biases take up the mean error.
    """

    clusters: tuple[int, ...] = (0, 256, 64, 16, 4)
    bias_correction: bool = True

    @field_validator("clusters")
    @classmethod
    def _clusters(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if not value or any(clusters != 0 and not 2 <= clusters <= MOST for clusters in value):
            raise ValueError(f"expected numbers of clusters, each from 2 to {MOST}, or 0 for none")
        return (0, *sorted({clusters for clusters in value if clusters}, reverse=True))


class ShareWeights(Compressor):
    """Replaces each weight by the mean of its cluster. A knob per layer: the number of clusters, 0 for none.

    Han, Mao, Dally 2016, "Deep Compression", section 3: k-means on the weights of one layer, from centroids evenly
    between the least and the greatest. Deviations: centroids are not trained afterwards, only biases take up the mean
    error; zeros stay zero and count as one of the clusters, so that pruning first costs no wider index; each part of a
    factorised layer has its own table.

    What this saves is bytes of the file, not time: the runtime looks the values up when it loads the file. Layers with
    fewer than 1,024 weights get no knob. A layer that ``quantize`` puts into 8 bits as well is rounded once more, each
    output channel to steps of its own. That is correct, but 16 clusters then are dozens of integers, and the file is no
    smaller than int8 alone makes it; only of 4 clusters something is left, or once ``parefront pack`` has coded it.
    """

    name = "share_weights"
    stage = Stage.SHARE
    Options: ClassVar[type[CompressorOptions]] = ShareOptions
    options: ShareOptions

    def plan(self, graph: ModelGraph) -> Plan:
        return Plan(self.name, self.stage, self._knobs(graph), self._share)

    def _knobs(self, graph: ModelGraph) -> list[Knob]:
        knobs = []
        for layer, count in worthwhile(graph):
            choices = (0, *(c for c in self.options.clusters if c and _bytes(count, c) < 4 * count))
            if len(choices) > 1:
                knobs.append(Knob(self.name, layer.name, choices, 0, frozenset({layer.name}), layer.position))
        return knobs

    def _share(self, net: fx.GraphModule, choices: Mapping[str, Choice], context: Context) -> fx.GraphModule:
        shared = {
            node: clustered(weight, int(clusters))
            for name, clusters in choices.items()
            for node, weight in parts_of(net, name).items()
        }
        weights = {node: weight for node, (weight, _) in shared.items()}
        if weights and self.options.bias_correction:
            with context.calibration.forward():
                correct_biases(net, weights, context.calibration.compensation_inputs[:IMAGES])
        store(net, weights)
        for node, (_, values) in shared.items():
            mark_clustered(net.get_submodule(str(node.target)), values)
        return net


def share(weight: Tensor, clusters: int) -> Tensor:
    """``weight`` with at most ``clusters`` different values, zero among them where there are zeros, which stay."""
    return clustered(weight, clusters)[0]


def clustered(weight: Tensor, clusters: int) -> tuple[Tensor, Tensor]:
    """As :func:`share`, and the values that are not zero, ascending."""
    held = weight.numpy()
    others = held[held != 0]
    if not others.size:
        return weight.clone(), torch.zeros(1)
    centroids = centroids_of(others, clusters - (others.size < held.size))
    shared = held.copy()
    shared[held != 0] = centroids[nearest(others, centroids)]
    return torch.from_numpy(shared), torch.from_numpy(centroids.astype(held.dtype))


def _bytes(count: int, clusters: int) -> int:
    """What ``count`` weights of ``clusters`` values take in the file, about."""
    bits = next(bits for bits in (1, 2, 4, 8) if clusters <= 2**bits)
    return count * bits // 8 + 4 * clusters + UNPACKING
