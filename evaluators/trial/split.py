"""A split of the task as arrays, and the score of an artefact on it, alone and paired with the uncompressed model."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnxruntime as ort

from ...spaces.errors import TaskError
from ...spaces.task import Dataset
from ..quality.accuracy import correct, drawn_indices, metric_score, run_outputs
from ..quality.divergence import divergence
from ..quality.metric_stream import MetricStream
from ..quality.split_samples import SplitSamples, Stack
from ..results.measurement import Measurement, paired_difference, proportion
from ..results.metric import ACCURACY, Metric

FIRST_LOOK = 128
"""Images of the first look; every further one has twice as many. A multiple of the batch, so that looking changes no
output."""
KEPT_BYTES = 2**29
"""Outputs and targets that take more than this are scored batch by batch where the metric is the user's own; the
divergence is then that of the first ones, which take so many."""
BATCH = 64


@dataclass(eq=False)
class Split:
    """Inputs ``(n, …)`` and targets ``(n, …)`` of one split, and how they are scored.

    Their order is random, so that any first part of them is a fair sample of all. Large splits are not held in memory,
    but read batch by batch whenever they are scored; what is kept of them are targets and the reference.

    Attributes:
        name: prefix of its metrics: ``""`` for the search split, ``"test_"`` for the test split.
        metric: ``"accuracy"`` or a torchmetrics metric.
        quality: its name, direction and unit.
        reference: the uncompressed model's outputs, shape ``(n, …)``, or the first of them where they are large; set
            by scoring it first.
    """

    name: str
    samples: SplitSamples
    metric: Any
    quality: Metric = ACCURACY
    reference: np.ndarray | None = field(default=None, init=False)
    _sample_bytes: int | None = field(default=None, init=False)

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
        """At most ``limit`` samples; which, and in which order, is drawn by ``seed``."""
        indices = drawn_indices(dataset, limit, seed, shuffled=True)
        return cls(name, SplitSamples(dataset, indices, _in_task(name)), metric, quality)

    def __len__(self) -> int:
        return len(self.samples)

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
        outputs = np.empty(0)
        for start, end in zip([0, *ends], ends, strict=False):
            part = run_outputs(session, self.samples.part(start, end))
            if start == 0:
                outputs = np.empty((len(self), *part.shape[1:]), part.dtype)
            outputs[start:end] = part
            yield outputs[:end]

    def score(self, session: ort.InferenceSession) -> dict[str, Measurement]:
        """The scores of an artefact on all of the split."""
        kept = self._kept(session)
        return self.scores(self._outputs(session)) if kept == len(self) else self._streamed(session, kept)[0]

    def score_reference(self, session: ort.InferenceSession) -> dict[str, Measurement]:
        """Score the uncompressed model, and remember its outputs.

        Raises:
            TaskError: where a label is no class of it.
        """
        self.reference = None
        kept = self._kept(session)
        if kept < len(self):
            scores, self.reference = self._streamed(session, kept)
            return scores
        outputs = self._outputs(session)
        if self.is_top1:
            self._check_labels(outputs.shape[-1])
        scores = self.accuracy(outputs)
        self.reference = outputs
        return scores

    def scores(self, outputs: np.ndarray) -> dict[str, Measurement]:
        """The metrics of outputs on the first m samples: :meth:`accuracy`, and once the uncompressed model was scored
        ``divergence``, where all are finite."""
        return self.accuracy(outputs) | self._divergence(outputs)

    def accuracy(self, outputs: np.ndarray) -> dict[str, Measurement]:
        """The task's metric on the first m samples and, for top-1 accuracy, its paired ``accuracy_change``.

        Of a part of the split accuracy is the uncompressed model's on all of it plus the change on that part, n is m:
        whether the part is easier than the rest then makes no difference.

        Raises:
            Infeasible: where a metric of the user's own is not finite.
        """
        count, key = len(outputs), f"{self.name}{self.quality.key}"
        if not self.is_top1:
            return {key: metric_score(self.metric, outputs, self.samples.targets(0, count))}
        right = correct(outputs, self.samples.targets(0, count))
        measured = proportion(int(right.sum()), count)
        if self.reference is None:
            return {key: measured}
        reference = correct(self.reference, self.samples.targets(0, len(self)))
        change = paired_difference(right, reference[:count])
        if count < len(self):
            measured = _sum(proportion(int(reference.sum()), len(self)), change)
        return {key: measured, f"{key}_change": change}

    def _kept(self, session: ort.InferenceSession) -> int:
        """Of how many samples outputs are held at once: of all for top-1, else of as many as there is room for."""
        if self.is_top1:
            return len(self)
        if self._sample_bytes is None:
            outputs = run_outputs(session, self.samples.part(0, 1))
            self._sample_bytes = outputs.nbytes + self.samples.targets(0, 1).nbytes
        return min(len(self), max(1, KEPT_BYTES // self._sample_bytes))

    def _streamed(self, session: ort.InferenceSession, kept: int) -> tuple[dict[str, Measurement], np.ndarray]:
        """As :meth:`scores`, with the divergence of the first ``kept`` outputs; and these."""
        stream, first = MetricStream(self.metric, len(self)), Stack(kept)
        for start in range(0, len(self), BATCH):
            inputs, targets = self.samples.read(start, min(start + BATCH, len(self)))
            outputs = run_outputs(session, inputs, BATCH)
            stream.update(outputs, targets)
            if start < kept:
                first.extend(outputs[: kept - start], start)
        scores = {f"{self.name}{self.quality.key}": stream.result()}
        return scores | self._divergence(first.array), first.array

    def _divergence(self, outputs: np.ndarray) -> dict[str, Measurement]:
        """Of outputs on the first m samples, where all are finite; nothing before the uncompressed model was scored."""
        if self.reference is None or not np.isfinite(outputs).all():
            return {}
        before = self.reference[: len(outputs)]
        return {f"{self.name}divergence": divergence(outputs, before, classes=self.is_top1)}

    def _outputs(self, session: ort.InferenceSession) -> np.ndarray:
        """On all samples."""
        return run_outputs(session, self.samples.part(0, len(self)))

    def _check_labels(self, classes: int) -> None:
        labels = self.samples.targets(0, len(self))
        outside = np.flatnonzero((labels < 0) | (labels >= classes) | (labels % 1 != 0))
        if len(outside):
            raise TaskError(
                f"{_in_task(self.name)}: label {labels[outside[0]]} of sample {self.samples.indices[outside[0]]} is "
                f"out of range; the model has {classes} classes, expected 0 to {classes - 1}"
            )


def _in_task(name: str) -> str:
    """How messages name the split whose metrics have this prefix."""
    return f"task.{name.rstrip('_') or 'search'}"


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
