"""A split of the task as arrays, and the score of an artefact on it, alone and paired with the uncompressed model."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnxruntime as ort

from ..evaluators import (
    Measurement,
    correct,
    divergence,
    metric_score,
    paired_difference,
    proportion,
    run_outputs,
    split_inputs,
)
from ..spaces import Dataset
from .metric import ACCURACY, Metric

FIRST_LOOK = 128
"""Images of the first look; every further one has twice as many. A multiple of the batch, so that looking changes no
output."""


@dataclass(eq=False)
class Split:
    """Inputs ``(n, …)`` and targets ``(n, …)`` of one split, and how they are scored.

    Their order is random, so that any first part of them is a fair sample of all.

    Attributes:
        name: prefix of its metrics: ``""`` for the search split, ``"test_"`` for the test split.
        metric: ``"accuracy"`` or a torchmetrics metric.
        quality: its name, direction and unit.
        reference: the uncompressed model's outputs, shape ``(n, …)``; set by scoring it first.
    """

    name: str
    inputs: np.ndarray
    targets: np.ndarray
    metric: Any
    quality: Metric = ACCURACY
    reference: np.ndarray | None = field(default=None, init=False)

    @classmethod
    def of(
        cls,
        name: str,
        dataset: Dataset,
        metric: Any,
        limit: int | None = None,
        seed: int = 0,
        quality: Metric = ACCURACY,
    ) -> Split:
        """Stack at most ``limit`` samples; which, and in which order, is drawn by ``seed``."""
        inputs, targets = split_inputs(dataset, limit, seed, shuffled=True)  # type: ignore[arg-type]
        return cls(name, np.ascontiguousarray(inputs, np.float32), targets, metric, quality)

    def __len__(self) -> int:
        return len(self.inputs)

    @property
    def is_top1(self) -> bool:
        """Whether each image is right or wrong, so that a part of them bounds the accuracy on all."""
        return isinstance(self.metric, str)

    @property
    def looks(self) -> int:
        """How many times :meth:`growing` stops to look."""
        return len(_ends(len(self)))

    def growing(self, session: ort.InferenceSession) -> Iterator[np.ndarray]:
        """The outputs of an artefact on a first part of the split, shape ``(m, …)``; m doubles until it is n."""
        ends = _ends(len(self))
        parts: list[np.ndarray] = []
        for start, end in zip([0, *ends], ends, strict=False):
            parts.append(run_outputs(session, self.inputs[start:end]))
            yield np.concatenate(parts)

    def score(self, session: ort.InferenceSession) -> dict[str, Measurement]:
        """The scores of an artefact on all of the split."""
        return self.scores(run_outputs(session, self.inputs))

    def score_reference(self, session: ort.InferenceSession) -> dict[str, Measurement]:
        """Score the uncompressed model, and remember its outputs."""
        self.reference = None
        outputs = run_outputs(session, self.inputs)
        scores = self.accuracy(outputs)
        self.reference = outputs
        return scores

    def scores(self, outputs: np.ndarray) -> dict[str, Measurement]:
        """The metrics of outputs on the first m samples: :meth:`accuracy`, and once the uncompressed model was scored
        ``divergence``, where all are finite."""
        scores = self.accuracy(outputs)
        if self.reference is not None and np.isfinite(outputs).all():
            before = self.reference[: len(outputs)]
            scores[f"{self.name}divergence"] = divergence(outputs, before, classes=self.is_top1)
        return scores

    def accuracy(self, outputs: np.ndarray) -> dict[str, Measurement]:
        """The task's metric on the first m samples and, for top-1 accuracy, its paired ``accuracy_change``.

        Of a part of the split accuracy is the uncompressed model's on all of it plus the change on that part, n is m:
        whether the part is easier than the rest then makes no difference.

        Raises:
            Infeasible: where a metric of the user's own is not finite.
        """
        count, key = len(outputs), f"{self.name}{self.quality.key}"
        if not self.is_top1:
            return {key: metric_score(self.metric, outputs, self.targets[:count])}
        right = correct(outputs, self.targets[:count])
        measured = proportion(int(right.sum()), count)
        if self.reference is None:
            return {key: measured}
        reference = correct(self.reference, self.targets)
        change = paired_difference(right, reference[:count])
        if count < len(self):
            measured = _sum(proportion(int(reference.sum()), len(self)), change)
        return {key: measured, f"{key}_change": change}


def _ends(count: int) -> list[int]:
    """Where the looks at ``count`` samples end: 128, 256, …, all; the last one has a quarter of them at least."""
    ends = []
    end = FIRST_LOOK
    while 4 * end <= 3 * count:
        ends.append(end)
        end *= 2
    return [*ends, count]


def _sum(accuracy: Measurement, change: Measurement) -> Measurement:
    """An accuracy after a change of it, within [0, 1]; errors add in quadrature, n is the change's."""
    value = min(1.0, max(0.0, accuracy.value + change.value))
    below = math.hypot(accuracy.value - accuracy.low, change.value - change.low)
    above = math.hypot(accuracy.high - accuracy.value, change.high - change.value)
    return Measurement(value, max(0.0, value - below), min(1.0, value + above), change.n, accuracy.unit)
