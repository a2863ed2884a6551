"""A split of the task as arrays, and the score of an artefact on it, alone and paired with the uncompressed model."""

from __future__ import annotations

from dataclasses import dataclass
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


@dataclass(eq=False)
class Split:
    """Inputs ``(n, …)`` and targets ``(n, …)`` of one split, and how they are scored.

    Attributes:
        name: prefix of its metrics: ``""`` for the search split, ``"test_"`` for the test split.
        metric: ``"accuracy"`` or a torchmetrics metric.
        reference: the uncompressed model's outputs, shape ``(n, …)``; set by scoring it first.
    """

    name: str
    inputs: np.ndarray
    targets: np.ndarray
    metric: Any
    reference: np.ndarray | None = None

    @classmethod
    def of(cls, name: str, dataset: Dataset, metric: Any, limit: int | None = None, seed: int = 0) -> Split:
        """Stack at most ``limit`` samples, drawn by ``seed``."""
        inputs, targets = split_inputs(dataset, limit, seed)  # type: ignore[arg-type]
        return cls(name, np.ascontiguousarray(inputs, np.float32), targets, metric)

    def score(self, session: ort.InferenceSession) -> dict[str, Measurement]:
        """The metrics of an artefact: ``accuracy`` and, once the uncompressed model was scored, what compares the two.

        These are ``accuracy_change`` (for top-1 accuracy) and ``divergence`` (where all outputs are finite).
        """
        outputs, before = run_outputs(session, self.inputs), self.reference
        right = self._right(outputs)
        scores = {f"{self.name}accuracy": self._accuracy(outputs, right)}
        if before is None:
            return scores
        reference = self._right(before)
        if right is not None and reference is not None:
            scores[f"{self.name}accuracy_change"] = paired_difference(right, reference)
        if np.isfinite(outputs).all():
            scores[f"{self.name}divergence"] = divergence(outputs, before, classes=right is not None)
        return scores

    def score_reference(self, session: ort.InferenceSession) -> dict[str, Measurement]:
        """Score the uncompressed model, and remember its outputs."""
        self.reference = run_outputs(session, self.inputs)
        return {f"{self.name}accuracy": self._accuracy(self.reference, self._right(self.reference))}

    def _right(self, outputs: np.ndarray) -> np.ndarray | None:
        """Which samples are right, shape ``(n,)``; None where the metric is the user's own."""
        return correct(outputs, self.targets) if isinstance(self.metric, str) else None

    def _accuracy(self, outputs: np.ndarray, right: np.ndarray | None) -> Measurement:
        if right is None:
            return metric_score(self.metric, outputs, self.targets)
        return proportion(int(right.sum()), right.size)
