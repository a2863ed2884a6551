"""The metrics that are built in, by torch: accuracy, errors of regressions, F1 of labels, IoU of segmentations."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ...results.metric import FRACTION, score
from ..accuracy import correct
from .boxes import BoxTally
from .quality import Quality
from .scores import Numbers

IGNORED = 255
"""The class of pixels that are left out of an IoU."""


def top1(outputs: Tensor, targets: Tensor) -> Tensor:
    """1 where the greatest of the outputs ``(m, classes)`` is the target ``(m,)``, else 0, shape ``(m,)``."""
    return torch.from_numpy(correct(outputs.numpy(), targets.numpy()).astype(np.float64))


def squared_error(outputs: Tensor, targets: Tensor) -> Tensor:
    """The mean over each sample of the squared difference, shape ``(m,)``."""
    return _differences(outputs, targets).square().mean(1)


def absolute_error(outputs: Tensor, targets: Tensor) -> Tensor:
    """The mean over each sample of the absolute difference, shape ``(m,)``."""
    return _differences(outputs, targets).abs().mean(1)


def label_counts(outputs: Tensor, targets: Tensor) -> Tensor:
    """True positives, and predicted plus true ones, of each label, shape ``(m, 2 * labels)``.

    Args:
        outputs: logits ``(m, labels)``; a label is predicted where its logit is above 0.
        targets: 0 or 1, in the same shape.
    """
    if outputs.dim() != 2 or targets.shape != outputs.shape:
        raise ValueError(f"f1 needs logits and targets (n, labels), got {_shapes(outputs, targets)}")
    if not bool(((targets == 0) | (targets == 1)).all()):
        raise ValueError(f"f1 needs targets of 0 and 1, got values from {targets.min()} to {targets.max()}")
    predicted, true = outputs > 0, targets == 1
    return torch.cat([predicted & true, predicted.long() + true.long()], dim=1)


def refuse_probabilities(outputs: Tensor) -> None:
    """Raise ``ValueError`` for outputs that all lie between 0 and 1: of these every label would be predicted."""
    if bool(((outputs >= 0) & (outputs <= 1)).all()):
        raise ValueError(
            "f1 needs logits, of which a label is predicted above 0; these lie between 0 and 1, as behind a sigmoid; "
            "give torchmetrics.classification.MultilabelF1Score(…)"
        )


def macro_f1(sums: Numbers) -> Numbers:
    """The mean over labels of 2 TP / (predicted + true); labels of which there are neither are left out."""
    return _mean_ratio(2.0, *np.split(sums, 2, axis=-1))


def areas(outputs: Tensor, targets: Tensor) -> Tensor:
    """Pixels of the intersection and of the union, of each class, shape ``(m, 2 * classes)``.

    Args:
        outputs: class scores ``(m, classes, …)``.
        targets: class indices ``(m, …)``; ``IGNORED`` where a pixel is not counted.
    """
    if outputs.dim() < 3 or targets.shape != outputs.shape[:1] + outputs.shape[2:]:
        needs = "miou needs outputs (n, classes, height, width) and targets (n, height, width)"
        raise ValueError(f"{needs}, got {_shapes(outputs, targets)}")
    count, classes = outputs.shape[:2]
    counted = targets != IGNORED
    true = torch.where(counted, targets, 0).long()
    if bool(((true < 0) | (true >= classes)).any()):
        raise ValueError(
            f"miou needs targets from 0 to {classes - 1}, or {IGNORED} for what is left out, "
            f"got {int(true.min())} to {int(true.max())}"
        )
    pairs = true * classes + outputs.argmax(1) + torch.arange(count).reshape(-1, *[1] * (true.dim() - 1)) * classes**2
    table = torch.bincount(pairs[counted], minlength=count * classes**2).reshape(count, classes, classes)
    both = table.diagonal(dim1=1, dim2=2)
    return torch.cat([both, table.sum(1) + table.sum(2) - both], dim=1)


def mean_iou(sums: Numbers) -> Numbers:
    """The mean over classes of intersection / union; classes that are nowhere are left out."""
    return _mean_ratio(1.0, *np.split(sums, 2, axis=-1))


ACCURACY = Quality.per_sample("accuracy", top1, higher_is_better=True, unit=FRACTION, classifies=True)
BUILT_IN = {
    quality.metric.name: quality
    for quality in (
        ACCURACY,
        Quality.per_sample("mse", squared_error, higher_is_better=False),
        Quality.per_sample("mae", absolute_error, higher_is_better=False),
        Quality.of_sums("f1", label_counts, macro_f1, higher_is_better=True, unit=FRACTION, check=refuse_probabilities),
        Quality.of_sums("miou", areas, mean_iou, higher_is_better=True, unit=FRACTION),
        Quality(score("map", higher_is_better=True, unit=FRACTION), BoxTally),
    )
}
"""By name. ``mse`` and ``mae`` are of regressions; ``f1`` is of several labels (macro, at logits above 0), ``miou`` of
segmentations (of the areas of all images together: Long et al. 2015, "Fully convolutional networks"), ``map`` of boxes
(see :class:`BoxTally`)."""


def _differences(outputs: Tensor, targets: Tensor) -> Tensor:
    """Outputs less targets, float64, shape ``(m, values)``."""
    count = len(outputs)
    flat, truth = outputs.reshape(count, -1).double(), targets.reshape(count, -1).double()
    if flat.shape != truth.shape:
        raise ValueError(f"an error needs outputs and targets of one shape, got {_shapes(outputs, targets)}")
    return flat - truth


def _mean_ratio(factor: float, above: Numbers, below: Numbers) -> Numbers:
    """The mean of ``factor * above / below`` over the last axis, where ``below`` is not 0; NaN where it is nowhere."""
    there = below > 0
    ratios = np.divide(factor * above, below, out=np.zeros_like(above), where=there)
    counted = there.sum(-1)
    return np.asarray(np.divide(ratios.sum(-1), counted, out=np.full(counted.shape, np.nan), where=counted > 0))


def _shapes(outputs: Tensor, targets: Tensor) -> str:
    return f"{tuple(outputs.shape)} and {tuple(targets.shape)}"
