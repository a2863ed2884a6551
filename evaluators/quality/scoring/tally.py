"""Tallies: outputs and targets come batch by batch, and little more than what the score needs is kept of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ....spaces.tensors.structure import transformed
from .scores import Numbers, Replicates, SampleScores, Scores

Score = Callable[[Any, Any], Tensor]
"""Outputs as the model gives them, float tensors of shape ``(m, …)``, and targets ``(m, …)``, or a list of ``m`` where
they are lists or mappings, → scores, shape ``(m,)``."""

ROWS = 1000
"""Rows that the sums of samples are kept in; where there are more samples, each row is of several."""
RESAMPLES = 1000
"""Resamples of a bootstrap over rows; the interval's width is then known to 2 %."""


class Tally(ABC):
    """What is kept of the samples of a split while they are scored. They come in random order, and each once."""

    @abstractmethod
    def update(self, outputs: Any, targets: Any) -> None:
        """The next ``m`` samples.

        Args:
            outputs: array of shape ``(m, …)``, or several nested as the model returns them.
            targets: array of shape ``(m, …)``, or a list of ``m`` targets as the dataset gives them.

        Raises:
            ValueError: one line, where the metric cannot be made of these.
        """

    @abstractmethod
    def scores(self) -> Scores:
        """The scores of the samples seen so far."""


class SampleTally(Tally):
    """A score for each sample.

    Args:
        name: of the metric, for messages.
        score: the function.
        n: samples to come.
    """

    def __init__(self, name: str, score: Score, n: int) -> None:
        self._name, self._score, self._seen = name, score, 0
        self._values = np.empty(n)

    def update(self, outputs: Any, targets: Any) -> None:
        count = len(targets)
        with torch.no_grad():
            scores = self._score(outputs_to_torch(outputs), to_torch(targets))
        shape = tuple(scores.shape) if isinstance(scores, Tensor | np.ndarray) else None
        if shape != (count,):
            came = f"a tensor of shape {shape}" if shape is not None else f"a {type(scores).__name__}"
            raise ValueError(f"{self._name} gives {came}; expected a score for each sample, shape ({count},)")
        self._values[self._seen : self._seen + count] = torch.as_tensor(scores).double().numpy(force=True)
        self._seen += count

    def scores(self) -> SampleScores:
        return SampleScores(self._values[: self._seen])


class SumTally(Tally):
    """A score of sums over samples: F1 of counts, IoU of areas.

    The sums are kept in at most ``ROWS`` rows of successive samples; the bootstrap draws rows, since the samples come
    in random order, and scores the ``RESAMPLES`` sums of these at once.

    Args:
        name: of the metric, for messages.
        parts: of outputs and targets as for :data:`Score`; what is summed, shape ``(m, k)``.
        score: of sums, shape ``(…, k)``; shape ``(…,)``.
        n: samples to come.
    """

    def __init__(self, name: str, parts: Score, score: Callable[[Numbers], Numbers], n: int) -> None:
        self._name, self._parts, self._score, self._n, self._seen = name, parts, score, n, 0
        self._rows: Numbers | None = None

    def update(self, outputs: Any, targets: Any) -> None:
        count = len(targets)
        with torch.no_grad():
            parts = self._parts(outputs_to_torch(outputs), to_torch(targets)).double().numpy()
        if self._rows is None:
            self._rows = np.zeros((min(self._n, ROWS), parts.shape[1]))
        np.add.at(self._rows, rows_of(self._seen, count, self._n, len(self._rows)), parts)
        self._seen += count

    def scores(self) -> Replicates:
        assert self._rows is not None
        rows = self._rows[: rows_of(self._seen - 1, 1, self._n, len(self._rows))[0] + 1]
        resampled = self._score(draws(len(rows), RESAMPLES) @ rows)
        return Replicates(self._name, float(self._score(rows.sum(0))), self._seen, resampled, len(rows))


def rows_of(start: int, count: int, n: int, rows: int) -> NDArray[np.intp]:
    """Which of ``rows`` rows each of the next ``count`` of ``n`` samples belongs to, in order and alike in number."""
    return np.arange(start, start + count) * rows // n


@lru_cache(maxsize=4)
def draws(rows: int, resamples: int, seed: int = 0) -> Numbers:
    """How often each row is in each resample, shape ``(resamples, rows)``: the same ones for all artefacts."""
    return np.random.default_rng(seed).multinomial(rows, np.full(rows, 1 / rows), resamples).astype(np.float64)


def part_of(batch: Any, first: int, last: int) -> Any:
    """Samples ``first`` to before ``last`` of a batch, those of each array of a mapping."""
    if isinstance(batch, Mapping):
        return {name: value[first:last] for name, value in batch.items()}
    return batch[first:last]


def outputs_part(outputs: Any, first: int, last: int) -> Any:
    """As :func:`part_of`, of outputs nested as the model returns them."""
    return outputs[first:last] if isinstance(outputs, np.ndarray) else transformed(outputs, lambda a: a[first:last])


def outputs_to_torch(outputs: Any) -> Any:
    """As :func:`to_torch`, of outputs nested as the model returns them."""
    return to_torch(outputs) if isinstance(outputs, np.ndarray) else transformed(outputs, to_torch)


def to_torch(batch: Any) -> Any:
    """Arrays as tensors, those of a mapping too; a list of targets as it is."""
    if isinstance(batch, np.ndarray):
        return torch.from_numpy(np.ascontiguousarray(batch))
    if isinstance(batch, Mapping):
        return {name: to_torch(value) for name, value in batch.items()}
    return batch
