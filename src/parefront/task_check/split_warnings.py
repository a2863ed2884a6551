"""What is said of splits whose numbers mean less than they seem to: samples that two of them share, too few samples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from ..evaluators.results.measurement import proportion
from ..evaluators.results.views.units import plural
from .split_check import SeenSplit

FEW_SCORED = 100
"""Fewer samples than this give an accuracy that is known to ±10 points."""
FEW_CALIBRATED = 32
SHARED = 0.001
"""The least share of a split that is told of: data sets of photographs hold a few of them twice."""

MIXED = {
    ("search", "test"): "the front is chosen on these, so what the test split says is no test",
    ("calibration", "search"): "networks are fitted to these, so scores on the search split are too high",
    ("calibration", "test"): "networks are fitted to these, so scores on the test split are too high",
    ("train", "search"): "the model was trained on these, so scores on the search split are too high",
    ("train", "test"): "the model was trained on these, so scores on the test split are too high",
}
"""Splits that must not mix, and what follows where they do."""


def split_warnings(splits: Mapping[str, SeenSplit], top1: bool) -> Iterator[str]:
    """One line for each fault of the splits that leaves all numbers right and makes them mean less.

    Args:
        splits: by name; the training split may be missing.
        top1: whether the score is an accuracy.
    """
    one = splits["search"].digest == splits["test"].digest
    for (name, other), consequence in MIXED.items():
        said = one and other == "test" and name != "search"  # of the search split
        if name in splits and not said:
            yield from _shared(splits[name], splits[other], consequence)
    for name in ("search", "test"):
        count = splits[name].digest.of
        if count < FEW_SCORED:
            points = f"an accuracy on it is known to ±{100 * proportion(count // 2, count).half_width:.0f} points"
            known = points if top1 else "scores on so few have wide intervals"
            yield f"the {name} split has {plural(count, 'sample')}: {known}"
    count = splits["calibration"].digest.of
    if count < FEW_CALIBRATED:
        yield (
            f"the calibration split has {plural(count, 'sample')}: what is fitted to so few may not hold for others; "
            "256 are a good number"
        )


def _shared(split: SeenSplit, other: SeenSplit, consequence: str) -> Iterator[str]:
    if split.digest == other.digest:
        yield f"the {split.name} and the {other.name} split are the same {split.digest.of:,} samples: {consequence}"
        return
    count = int(np.isin(other.inputs, split.inputs).sum())
    if count > SHARED * len(other.inputs):
        sampled = split.digest.is_sampled or other.digest.is_sampled
        number = f"{'at least ' if sampled else ''}{count:,} of the {other.digest.of:,} inputs"
        yield f"{number} of the {other.name} split are in the {split.name} split, too: {consequence}"
