"""Mean average precision of boxes, as COCO defines it, with a bootstrap over images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .scores import Numbers, Replicates
from .tally import ROWS, Tally, draws, rows_of

Array = NDArray[Any]

FORM = (
    "map needs outputs (n, detections, 6) of x1, y1, x2, y2, score and class, or a mapping of boxes, scores and labels"
)

THRESHOLDS = np.linspace(0.5, 0.95, 10)
"""Overlaps (intersection over union) from which on a detection is one of a true box; the mean over them is taken."""
RECALLS = np.linspace(0.0, 1.0, 101)
"""Where precision is read off."""
DETECTIONS = 100
"""Most of a class in an image; the surest ones."""
RESAMPLES = 100
"""Of the bootstrap; the interval's width is then known to 7 %."""


class BoxTally(Tally):
    """Mean average precision over classes and overlaps from 0.5 to 0.95 (Lin et al. 2014, "Microsoft COCO").

    Outputs are arrays ``(m, k, 6)``, of each detection x1, y1, x2, y2, its score and its class; or a mapping of
    ``boxes`` ``(m, k, 4)``, ``scores`` and ``labels`` ``(m, k)``. A detection with a score of 0 or less is none.
    Targets are mappings of ``boxes`` ``(g, 4)`` and ``labels`` ``(g,)``, one for each image.

    Which detections are right does not depend on other images, so that this alone is kept of each. A resample of images
    weights them. Deviations from COCO: there are no crowds, and no areas that are left out.

    Args:
        n: images to come.
    """

    def __init__(self, n: int) -> None:
        self._n, self._seen = n, 0
        self._rows = min(n, ROWS)
        self._found: list[tuple[Array, Array, Array, Array]] = []
        """Of the detections of each image: row, class, score, whether it is right at each overlap ``(d, 10)``."""
        self._true: list[tuple[Array, Array]] = []
        """Of the true boxes of each image: row, class."""

    def update(self, outputs: Any, targets: Any) -> None:
        boxes, scores, labels = _detections(outputs)
        if len(boxes) != len(targets):
            raise ValueError(f"map needs a target for each image, got {len(boxes)} outputs and {len(targets)} targets")
        for index, (row, target) in enumerate(
            zip(rows_of(self._seen, len(targets), self._n, self._rows), targets, strict=True)
        ):
            true_boxes, true_labels = _target(target)
            there = scores[index] > 0
            order = np.argsort(-scores[index][there], kind="stable")
            found = tuple(part[index][there][order] for part in (boxes, scores, labels))
            self._add(int(row), found, true_boxes, true_labels)
        self._seen += len(targets)

    def scores(self) -> Replicates:
        found = [np.concatenate(parts) for parts in zip(*self._found, strict=True)]
        true = [np.concatenate(parts) for parts in zip(*self._true, strict=True)]
        rows = int(rows_of(self._seen - 1, 1, self._n, self._rows)[0]) + 1
        classes = [_Class.of(label, found, true, rows) for label in np.unique(true[1])]
        value = _mean(classes, np.ones(rows))
        resampled = np.array([_mean(classes, counts) for counts in draws(rows, RESAMPLES)])
        return Replicates("map", value, self._seen, resampled, rows)

    def _add(self, row: int, found: tuple[Array, ...], true_boxes: Array, true_labels: Array) -> None:
        boxes, scores, labels = found
        self._true.append((np.full(len(true_labels), row), true_labels))
        for label in np.unique(labels):
            of = np.flatnonzero(labels == label)[:DETECTIONS]
            right = _right(boxes[of], true_boxes[true_labels == label])
            self._found.append((np.full(len(of), row), labels[of], scores[of], right))
        if not self._found:
            self._found.append((np.empty(0, int), labels[:0], scores[:0], np.empty((0, len(THRESHOLDS)), bool)))


class _Class:
    """The detections of a class in all images, the surest first, and the number of its true boxes in each row."""

    def __init__(self, rows: Array, right: Array, true: Numbers) -> None:
        self._rows, self._right, self._true = rows, right, true

    @classmethod
    def of(cls, label: Any, found: list[Array], true: list[Array], rows: int) -> _Class:
        of = np.flatnonzero(found[1] == label)
        order = of[np.argsort(-found[2][of], kind="stable")]
        counts = np.bincount(true[0][true[1] == label], minlength=rows).astype(np.float64)
        return cls(found[0][order], found[3][order].T, counts)

    def precision(self, weights: Numbers) -> float:
        """Average precision, the mean over overlaps, with each row counted so often; NaN where there is no true box."""
        count = float(weights @ self._true)
        if count == 0:
            return np.nan
        if not len(self._rows):
            return 0.0
        weight = weights[self._rows]
        true = np.cumsum(weight * self._right, axis=1)
        all_of = np.cumsum(weight)
        precision = np.divide(true, all_of, out=np.zeros_like(true), where=all_of > 0)
        best = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
        total = 0.0
        for reached, read in zip(true, best, strict=True):
            at = np.searchsorted(reached / count, RECALLS)
            total += float(read[at[at < len(read)]].sum())
        return total / (len(RECALLS) * len(THRESHOLDS))


def _mean(classes: list[_Class], weights: Numbers) -> float:
    """The mean over classes that have a true box."""
    values = np.array([of.precision(weights) for of in classes])
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if len(finite) else np.nan


def _right(boxes: Array, true: Array) -> Array:
    """Which detections, the surest first, take a true box that none before has taken, at each overlap, ``(d, 10)``."""
    right = np.zeros((len(boxes), len(THRESHOLDS)), bool)
    if not len(true):
        return right
    overlaps = _overlaps(boxes, true)
    for column, threshold in enumerate(THRESHOLDS):
        free = np.ones(len(true), bool)
        for index, row in enumerate(overlaps):
            open_ones = np.where(free, row, -1.0)
            best = int(open_ones.argmax())
            if open_ones[best] >= threshold:
                free[best], right[index, column] = False, True
    return right


def _overlaps(boxes: Array, true: Array) -> Array:
    """Intersection over union of each two boxes, shape ``(d, g)``."""
    corner = np.maximum(boxes[:, None, :2], true[None, :, :2])
    sides = np.clip(np.minimum(boxes[:, None, 2:], true[None, :, 2:]) - corner, 0, None)
    shared = sides.prod(-1)
    union = _areas(boxes)[:, None] + _areas(true)[None] - shared
    return np.asarray(np.divide(shared, union, out=np.zeros_like(shared), where=union > 0))


def _areas(boxes: Array) -> Array:
    return np.asarray(np.clip(boxes[:, 2:] - boxes[:, :2], 0, None).prod(-1))


def _detections(outputs: Any) -> tuple[Array, Array, Array]:
    """Boxes ``(m, k, 4)``, scores and classes ``(m, k)``."""
    if isinstance(outputs, Mapping):
        if not {"boxes", "scores", "labels"} <= outputs.keys():
            raise ValueError(f"map needs outputs named boxes, scores and labels, got {', '.join(map(str, outputs))}")
        boxes, scores, labels = (np.asarray(outputs[name]) for name in ("boxes", "scores", "labels"))
    else:
        if isinstance(outputs, list | tuple):
            raise ValueError(f"{FORM}, got a {type(outputs).__name__} of {len(outputs)}")
        array = np.asarray(outputs)
        if array.ndim != 3 or array.shape[2] != 6:
            raise ValueError(f"{FORM}, got {array.shape}")
        boxes, scores, labels = array[..., :4], array[..., 4], array[..., 5].round().astype(np.int64)
    if boxes.ndim != 3 or boxes.shape[2] != 4 or not scores.shape == labels.shape == boxes.shape[:2]:
        raise ValueError(
            "map needs boxes (n, detections, 4), scores and labels (n, detections), got "
            f"{boxes.shape}, {scores.shape} and {labels.shape}"
        )
    return boxes.astype(np.float64), scores.astype(np.float64), labels


def _target(target: Any) -> tuple[Array, Array]:
    """True boxes ``(g, 4)`` and classes ``(g,)``."""
    if not isinstance(target, Mapping) or not {"boxes", "labels"} <= target.keys():
        raise ValueError(f"map needs a mapping of boxes and labels as the target of each image, got {_shown(target)}")
    boxes, labels = np.asarray(target["boxes"], np.float64).reshape(-1, 4), np.asarray(target["labels"]).reshape(-1)
    if len(boxes) != len(labels):
        raise ValueError(f"map needs a label for each box, got {len(boxes)} boxes and {len(labels)} labels")
    return boxes, labels.astype(np.int64)


def _shown(target: Any) -> str:
    return f"one of {', '.join(map(str, target))}" if isinstance(target, Mapping) else f"a {type(target).__name__}"
