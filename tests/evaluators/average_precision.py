"""COCO's mean average precision, written as its definition reads: loops over classes, overlaps, images, detections."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor


def average_precision(outputs: Tensor, targets: list[dict[str, Tensor]]) -> float:
    """Of outputs ``(n, k, 6)``: x1, y1, x2, y2, score (above 0 where there is one) and class."""
    labels = {int(label) for target in targets for label in target["labels"]}
    of_each = [_of_class(outputs, targets, label, step) for label in labels for step in range(50, 100, 5)]
    return float(np.mean(of_each))


def _of_class(outputs: Tensor, targets: list[dict[str, Tensor]], label: int, percent: int) -> float:
    hits: list[tuple[float, bool]] = []
    count = 0
    for image, target in zip(outputs.double().tolist(), targets, strict=True):
        true = target["boxes"][target["labels"] == label].double().tolist()
        count += len(true)
        free = [True] * len(true)
        found = [row for row in image if row[4] > 0 and round(row[5]) == label]
        for row in sorted(found, key=lambda row: -row[4]):
            overlaps = [_overlap(row[:4], box) if is_free else -1.0 for box, is_free in zip(true, free, strict=True)]
            best = int(np.argmax(overlaps)) if overlaps else 0
            hit = bool(overlaps) and overlaps[best] >= percent / 100
            if hit:
                free[best] = False
            hits.append((row[4], hit))
    hits.sort(key=lambda hit: -hit[0])
    points = []
    for rank in range(1, len(hits) + 1):
        right = sum(hit for _, hit in hits[:rank])
        points.append((right / count, right / rank))
    recalls = np.linspace(0, 1, 101)
    return float(np.mean([max((p for r, p in points if r >= recall), default=0.0) for recall in recalls]))


def _overlap(one: Sequence[float], other: Sequence[float]) -> float:
    sides = [max(0.0, min(one[i + 2], other[i + 2]) - max(one[i], other[i])) for i in (0, 1)]
    areas = [max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1]) for box in (one, other)]
    shared = sides[0] * sides[1]
    return shared / (sum(areas) - shared) if shared else 0.0
