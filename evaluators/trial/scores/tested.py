"""What the final step finds out of a classifier on the test split, beside its scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ...quality.bias_amplification import amplification_of
from ...quality.calibration_error import confidence_of
from ...quality.flipped import flipped
from ...quality.picture import png_of
from ...results.candidate import Candidate
from ...results.classes.amplification import Amplification
from ...results.classes.class_counts import ClassCount
from ...results.classes.confidence import Confidence
from ...results.classes.flips import Flips
from ...results.measurement import Measurement
from .split import Seen, Split


@dataclass(frozen=True)
class Tested:
    """A candidate on the test split, against the uncompressed model.

    Attributes:
        scores: by metric key.
        classes: what it changes in each class; empty where the metric is not about classes, as all below.
        subgroups: what it changes in each subgroup that the task tells of.
        confidence: how sure of itself it is, and was.
        flips: samples that it answers otherwise.
        amplification: how far it leans towards the subgroups in which each class is frequent, and the uncompressed
            model.
    """

    scores: Mapping[str, Measurement]
    classes: tuple[ClassCount, ...] = ()
    subgroups: tuple[ClassCount, ...] = ()
    confidence: Confidence | None = None
    flips: Flips | None = None
    amplification: Amplification | None = None

    @classmethod
    def of(cls, split: Split, seen: Seen, pictures: int, names: NDArray[np.str_] | None = None) -> Tested:
        """What is known after all samples of the split.

        Args:
            split: whose uncompressed model was scored.
            seen: the candidate after all samples.
            pictures: of so many flipped samples at most one is made.
            names: of the samples' subgroups, shape ``(n,)``; None where the task tells none.
        """
        scores, classes, before = split.all_of(seen), split.by_class(seen), split.reference
        outputs = seen.outputs
        if not classes or before is None or not isinstance(outputs, np.ndarray):
            return cls(scores, classes)
        groups = () if names is None else split.by_class(seen, names)
        reference, labels = before.outputs, np.asarray(split.samples.targets(0, seen.count)).astype(np.int64)
        if not isinstance(reference, np.ndarray) or not np.isfinite(outputs).all():
            return cls(scores, classes, groups)
        flips = flipped(outputs, reference, labels, split.samples.indices, pictures, lambda at: _picture(split, at))
        sure = confidence_of(outputs, reference, labels)
        if names is None:
            return cls(scores, classes, groups, sure, flips)
        leaning = amplification_of(outputs.argmax(1), reference.argmax(1), labels, names)
        return cls(scores, classes, groups, sure, flips, leaning)

    def told_of(self, candidate: Candidate) -> Candidate:
        """The candidate with what is known of it."""
        metrics = {**candidate.metrics, **self.scores}
        told = replace(candidate, metrics=metrics, classes=self.classes, subgroups=self.subgroups)
        return replace(told, confidence=self.confidence, flips=self.flips, amplification=self.amplification)


def _picture(split: Split, at: int) -> bytes:
    inputs = split.samples.inputs(at, at + 1)
    return png_of(inputs[0]) if isinstance(inputs, np.ndarray) else b""
