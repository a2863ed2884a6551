"""A ``torchmetrics.Metric``, or what has its three methods, as a tally: states of blocks of samples, and their sums."""

from __future__ import annotations

import copy
import sys
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from .scores import Replicates
from .tally import Tally, draws, outputs_part, outputs_to_torch, part_of, rows_of, to_torch

CHUNKS = 20
BLOCKS = 200
"""Blocks of samples whose states are kept; with fewer samples, each is one."""
STATE_BYTES = 2**26
"""Where so many states take more than this there are fewer blocks, but not fewer than ``CHUNKS``."""
RESAMPLES = 200
"""Each costs a ``compute`` of the metric; the interval's width is then known to 5 %."""


class TorchMetric(Protocol):
    """The part of ``torchmetrics.Metric`` that is asked for."""

    def update(self, preds: Any, target: Any) -> None: ...
    def compute(self) -> Any: ...
    def reset(self) -> None: ...


def tally_of(metric: TorchMetric, n: int) -> Tally:
    """The tally of a metric for ``n`` samples, which leaves the metric itself reset."""
    metric.reset()
    return StateTally(metric, n) if _adds_up(metric) else ChunkTally(metric, n)


class StateTally(Tally):
    """A metric whose states add up over samples: a bootstrap over up to ``BLOCKS`` blocks of successive samples.

    The states of each block are kept; those of a resample are sums of these, which the metric computes its score of.

    Args:
        metric: of states that are summed; is reset before and after.
        n: samples to come.
    """

    def __init__(self, metric: Any, n: int) -> None:
        self._metric, self._n, self._seen = metric, n, 0
        size = sum(state.nbytes for state in metric.metric_state.values())
        blocks = max(CHUNKS, min(BLOCKS, STATE_BYTES // max(1, size)))
        self._blocks: list[dict[str, Tensor]] = [{} for _ in range(min(n, blocks))]

    def update(self, outputs: Any, targets: Any) -> None:
        outputs, targets = outputs_to_torch(outputs), to_torch(targets)
        blocks = rows_of(self._seen, len(targets), self._n, len(self._blocks))
        for block in np.unique(blocks):
            first, last = np.searchsorted(blocks, [block, block + 1])
            self._metric.reset()
            self._metric.update(outputs_part(outputs, first, last), part_of(targets, first, last))
            held = self._blocks[block]
            for name, state in self._metric.metric_state.items():
                held[name] = held[name] + state if name in held else state.detach().clone()
        self._metric.reset()
        self._seen += len(targets)

    def scores(self) -> Replicates:
        blocks = [block for block in self._blocks if block]
        states = {name: torch.stack([block[name] for block in blocks]) for name in blocks[0]}
        value = self._score({name: state.sum(0) for name, state in states.items()})
        counts = torch.from_numpy(draws(len(blocks), RESAMPLES))
        summed = {
            name: (counts @ state.double().reshape(len(blocks), -1)).reshape(-1, *state.shape[1:]).to(state.dtype)
            for name, state in states.items()
        }
        resampled = [self._score({name: of[index] for name, of in summed.items()}) for index in range(RESAMPLES)]
        return Replicates(type(self._metric).__name__, value, self._seen, np.array(resampled), len(blocks))

    def _score(self, states: dict[str, Tensor]) -> float:
        self._metric.reset()
        for name, state in states.items():
            setattr(self._metric, name, state)
        self._metric._update_count = 1  # or torchmetrics warns that nothing was seen
        value = number(self._metric.compute())
        self._metric.reset()
        return value


class ChunkTally(Tally):
    """Any other metric: besides the whole, its score of each of ``CHUNKS`` parts of successive samples.

    Such a metric keeps all outputs (an area under a curve) or says nothing of its states, so that each resample of a
    bootstrap would cost as much as the whole; all parts together cost as much once. There are as many parts as pairs of
    samples, where these are few; and none below four samples.

    Args:
        metric: is reset before, and after the scores are asked for.
        n: samples to come.
    """

    def __init__(self, metric: TorchMetric, n: int) -> None:
        self._whole, self._part = metric, copy.deepcopy(metric)
        self._n, self._seen = n, 0
        self._chunks = min(CHUNKS, n // 2) if n >= 4 else 0
        self._open = 0
        self._values: list[float] = []

    def update(self, outputs: Any, targets: Any) -> None:
        outputs, targets = outputs_to_torch(outputs), to_torch(targets)
        self._whole.update(outputs, targets)
        chunks = rows_of(self._seen, len(targets), self._n, self._chunks)
        for chunk in np.unique(chunks) if self._chunks else ():
            if chunk != self._open:
                self._close()
                self._open = chunk
            first, last = np.searchsorted(chunks, [chunk, chunk + 1])
            self._part.update(outputs_part(outputs, first, last), part_of(targets, first, last))
        self._seen += len(targets)

    def scores(self) -> Replicates:
        if self._seen != self._n:
            raise ValueError(f"expected {self._n} samples, got {self._seen}")
        if self._chunks:
            self._close()
        value = number(self._whole.compute())
        self._whole.reset()
        return Replicates(type(self._whole).__name__, value, self._n, np.array(self._values))

    def _close(self) -> None:
        self._values.append(number(self._part.compute()))
        self._part.reset()


def number(value: Any) -> float:
    """What a metric computes, which has to be one number.

    Raises:
        ValueError: where it is something else.
    """
    if isinstance(value, Tensor) and value.numel() != 1:
        raise ValueError(f"gives a tensor of shape {tuple(value.shape)}; expected one number")
    try:
        return float(value)
    except (TypeError, ValueError):
        raise ValueError(f"gives a {type(value).__name__}; expected one number") from None


def _adds_up(metric: Any) -> bool:
    """Whether all that a metric keeps are tensors that torchmetrics would sum over processes."""
    torchmetrics = sys.modules.get("torchmetrics")
    if torchmetrics is None or not isinstance(metric, torchmetrics.Metric):
        return False
    inner = any(isinstance(module, torchmetrics.Metric) for module in metric.modules() if module is not metric)
    states, reductions = metric.metric_state, metric._reductions
    summed = torchmetrics.utilities.data.dim_zero_sum
    return (
        bool(states)
        and not inner
        and all(isinstance(state, Tensor) and reductions.get(name) is summed for name, state in states.items())
    )
