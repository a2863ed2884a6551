"""How far outputs have moved from the uncompressed model's: smooth where accuracy is a staircase."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ...spaces.tensors.batch import Array, Arrays, named
from ...spaces.tensors.signature import OUTPUT
from ..results.measurement import Z_95, Measurement

BLOCK_VALUES = 2**20
"""Outputs that are held in float64 at once."""


def divergence(outputs: Arrays, reference: Arrays, classes: bool) -> Measurement:
    """The mean over samples of what each output has moved, 0 where nothing has; lower is better.

    On 2,000 images this ranks small changes to a network by what they cost on images not seen far better than
    accuracy does, since all images have a say and not only those near a decision.

    Args:
        outputs: of the candidate, shape ``(n, …)``, or several by name; finite.
        reference: of the uncompressed model on the same samples, in the same shape.
        classes: whether the outputs are logits ``(n, classes)``. Then it is the Kullback-Leibler divergence of the
            two softmax distributions, from the reference's point of view, unit "nats"; else the squared
            difference over the reference's variance, unit "fraction"; of whole numbers and truth values the share
            that differ. Of several outputs it is the mean over these.

    Raises:
        ValueError: where shapes differ.
    """
    before = named(reference, OUTPUT)
    each = [_moved(output, before[name], classes) for name, output in named(outputs, OUTPUT).items()]
    moved = each[0] if len(each) == 1 else np.mean(each, axis=0)
    value = float(moved.mean())
    half = Z_95 * float(moved.std()) / math.sqrt(len(moved))
    return Measurement.around(
        value, max(0.0, value - half), value + half, len(moved), "nats" if classes else "fraction"
    )


def _moved(outputs: Array, reference: Array, classes: bool) -> NDArray[np.float64]:
    """What one output has moved of each sample, shape ``(n,)``."""
    if outputs.shape != reference.shape or not len(outputs):
        raise ValueError(f"expected outputs of one shape (n, …), got {outputs.shape} and {reference.shape}")
    if reference.dtype.kind != "f":
        return np.asarray((outputs != reference).reshape(len(outputs), -1).mean(1))
    by_block = _leibler if classes else _squares
    size = max(1, BLOCK_VALUES * len(outputs) // max(1, outputs.size))
    starts = range(0, len(outputs), size)
    moved = np.concatenate([by_block(outputs[i : i + size], reference[i : i + size]) for i in starts])
    if not classes:
        mean = reference.mean(dtype=np.float64)
        squares = math.fsum(float(((reference[i : i + size].astype(np.float64) - mean) ** 2).sum()) for i in starts)
        moved /= max(squares / reference.size, np.finfo(np.float64).tiny)
    return moved


def _leibler(outputs: Array, reference: Array) -> NDArray[np.float64]:
    """The divergence of each row, shape ``(m,)``."""
    after, before = _log_softmax(outputs), _log_softmax(reference)
    rows = np.maximum(0.0, (np.exp(before) * (before - after)).sum(axis=-1))
    return np.asarray(rows.reshape(len(outputs), -1).mean(1))


def _squares(outputs: Array, reference: Array) -> NDArray[np.float64]:
    """The mean squared difference of each row, shape ``(m,)``."""
    return np.asarray(((outputs.astype(np.float64) - reference).reshape(len(outputs), -1) ** 2).mean(1))


def _log_softmax(logits: Array) -> NDArray[np.float64]:
    shifted = logits.astype(np.float64) - logits.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)))
