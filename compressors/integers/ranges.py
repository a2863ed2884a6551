"""The range of an activation that 8 bits are spread over: min-max, percentile, or least squared error."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx, nn

from ...spaces.network.cuts import Cut, kept_cuts, start_before
from ...spaces.network.digests import digests
from ...spaces.tensors.batch import Tensors
from ..statistics.calibration import Calibration
from ..statistics.sampling import module_of

KEPT = 32768
"""Most values of one activation that are kept for percentiles."""
TRIED = 8192
"""Most of those that squared errors are taken over."""


@dataclass(frozen=True, eq=False)
class Observed:
    """What one activation did on calibration data.

    Attributes:
        low, high: least and greatest value.
        sample: up to 32,768 of its values, evenly taken.
        mean: of each channel, for convolutions (axis 1).
        last_mean: of each feature, for linear layers (the last axis); None where none of them reads it.
    """

    low: float
    high: float
    sample: np.ndarray
    mean: Tensor
    last_mean: Tensor | None

    @property
    def nbytes(self) -> int:
        """Bytes that it takes."""
        last = 0 if self.last_mean is None else self.last_mean.nbytes
        return int(self.sample.nbytes + self.mean.nbytes + last)


class Observer(fx.Interpreter):
    """Runs a network on calibration data and observes chosen nodes, and no further than to the last of them.

    Args:
        net: the network.
        nodes: what is observed.
        calibration: where what earlier candidates gave is kept. As far as one of them begins alike, nothing is run:
            what was observed there is taken over, and the network is run from the last value on that was kept.
    """

    def __init__(self, net: fx.GraphModule, nodes: Collection[fx.Node], calibration: Calibration | None = None) -> None:
        super().__init__(net)
        self.net = net
        self.nodes = tuple(nodes)
        self.observed: dict[fx.Node, Observed] = {}
        self.missing = set(nodes)
        self.calibration = calibration
        self.digests: dict[fx.Node, bytes] = {}
        self.cuts: dict[fx.Node, Cut] = {}
        self.count = 0

    def observe(self, inputs: Tensors) -> dict[fx.Node, Observed]:
        start = {}
        if self.calibration is not None:
            start = self._take_over(self.calibration, len(inputs))
        if self.missing:
            with torch.no_grad():
                self.run(inputs, initial_env=start)
        return self.observed

    def run_node(self, n: fx.Node) -> object:
        if not self.missing:
            return None
        value = super().run_node(n)
        if n in self.missing and isinstance(value, Tensor):
            seen = self.observed[n] = self._observed(n, value)
            if self.calibration is not None:
                self.calibration.recent_results.put(self._key(n), seen, seen.nbytes)
        self.missing.discard(n)
        if self.calibration is not None and n in self.cuts and isinstance(value, Tensor):
            self.calibration.recent_values.put(self._value_key(n), value, value.nbytes)
        return value

    def _take_over(self, calibration: Calibration, count: int) -> dict[fx.Node, Any]:
        """Take what is known of nodes; returns what running starts with."""
        self.digests, self.count, self.cuts = digests(self.net), count, kept_cuts(self.net)
        for node in self.nodes:
            seen = calibration.recent_results.get(self._key(node))
            if seen is not None:
                self.observed[node] = seen
                self.missing.discard(node)
        first = next((place for place, node in enumerate(self.net.graph.nodes) if node in self.missing), 0)
        return start_before(
            self.net, self.cuts, first, lambda node: calibration.recent_values.get(self._value_key(node))
        )

    def _value_key(self, node: fx.Node) -> Hashable:
        return Observer, self.count, self.digests[node]

    def _key(self, node: fx.Node) -> Hashable:
        return Observer, self.count, self._feeds_linear(node), self.digests[node]

    def _observed(self, node: fx.Node, value: Tensor) -> Observed:
        flat = (value.permute(0, 2, 3, 1) if value.dim() == 4 else value).flatten()
        low, high = torch.aminmax(flat)
        sample = flat[:: _stride(len(flat))][:KEPT].numpy().copy()
        last = _mean(value, value.dim() - 1) if self._feeds_linear(node) else None
        return Observed(float(low), float(high), sample, _mean(value, 1), last)

    def _feeds_linear(self, node: fx.Node) -> bool:
        return any(isinstance(module_of(self.net, reader), nn.Linear) for reader in node.users)


def _stride(length: int) -> int:
    """A step that takes at most some 32,768 values, and takes them from every row, column and channel alike."""
    step = max(1, -(-length // KEPT))
    while math.gcd(step, length) > 1:
        step += 1
    return step


def _mean(value: Tensor, axis: int) -> Tensor:
    return value.mean(tuple(a for a in range(value.dim()) if a != axis))


def min_max(seen: Observed) -> tuple[float, float]:
    """From the least to the greatest value."""
    return seen.low, seen.high


def percentile(seen: Observed, share: float = 99.99) -> tuple[float, float]:
    """The values that all but ``100 − share`` per cent lie below, or above."""
    sample = torch.from_numpy(seen.sample)
    return -_upper(-sample, share), _upper(sample, share)


def _upper(sample: Tensor, share: float) -> float:
    """The percentile ``share`` of a sample, interpolated as numpy does, from its greatest values alone."""
    above = (100 - share) / 100 * (len(sample) - 1)
    greatest = sample.topk(min(len(sample), int(above) + 2)).values
    upper, lower = float(greatest[int(above)]), float(greatest[-1])
    if greatest[0].isnan():  # which count as greatest
        return math.nan
    return upper + (lower - upper) * (above - int(above))


def squared_error(seen: Observed, steps: int = 24) -> tuple[float, float]:
    """The share of the min-max range (1 down to 0.3) that gives the least mean squared error in 8 bits."""
    candidates = np.linspace(1.0, 0.3, steps)
    values = seen.sample
    if len(values) > TRIED:
        values = np.random.default_rng(0).choice(values, TRIED, replace=False, shuffle=False)
    low, high = min(seen.low, 0.0), max(seen.high, 0.0)
    errors = []
    for share in candidates:
        bottom, top = low * share, high * share
        step = (top - bottom) / 255 or 1.0
        rounded = np.clip(np.rint((values - bottom) / step), 0, 255) * step + bottom
        errors.append(float(np.mean((rounded - values) ** 2)))
    best = float(candidates[int(np.argmin(errors))])
    return low * best, high * best


RANGES: dict[str, Callable[[Observed], tuple[float, float]]] = {
    "min_max": min_max,
    "percentile": percentile,
    "mse": squared_error,
}


def affine(low: float, high: float, signed: bool) -> tuple[float, int]:
    """Scale and zero point of 8-bit integers over a range, which is widened to hold zero."""
    low, high = min(low, 0.0), max(high, 0.0)
    scale = float(np.float32((high - low) / 255)) or 1.0
    floor = -128 if signed else 0
    return scale, int(np.clip(round(floor - low / scale), floor, floor + 255))
