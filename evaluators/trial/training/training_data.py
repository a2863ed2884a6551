"""The task's training split as a source of batches: a dataset, a ``DataLoader``, or the calibration samples."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader

from ....compressors.recovery.batches.loaded import Loaded
from ....compressors.recovery.batches.sources import Labelled, Samples, Source
from ....spaces.errors import TaskError
from ....spaces.messages import kind
from ....spaces.task import Dataset
from ....spaces.tensors.batch import Tensors, mapped, named, to_tensors
from ....spaces.tensors.structure import StructureError
from ...quality.accuracy import samples_at
from ..builder import Builder, classes_of


def source_of(builder: Builder, data: Dataset | DataLoader[Any] | None, size: int, seed: int) -> Source:
    """Batches of a training split.

    Args:
        builder: of the task.
        data: the split; the calibration samples where None.
        size: samples in a batch; a loader has its own.
        seed: of the order.

    Raises:
        TaskError: where the split is empty, or has other inputs than the calibration split.
    """
    if data is None:
        return _calibration(builder, size, seed)
    source = (
        Loaded(data, _Collated(builder), seed) if isinstance(data, DataLoader) else _read(builder, data, size, seed)
    )
    first, _ = source.batch(0, 0)
    there, here = (
        {n: tuple(part.shape[1:]) for n, part in named(x, "input").items()} for x in (builder.calibration.inputs, first)
    )
    if there != here:
        raise TaskError(f"task.train: expected inputs of the shape that task.calibration has, {there}, got {here}")
    return source


def _calibration(builder: Builder, size: int, seed: int) -> Samples:
    inputs, labels = builder.calibration.inputs, builder.calibration.labels

    def taken(indices: NDArray[np.intp]) -> Labelled:
        rows = torch.from_numpy(indices)
        return inputs[rows], None if labels is None else labels[rows]

    return Samples(taken, len(inputs), size, seed)


def _read(builder: Builder, data: Dataset, size: int, seed: int) -> Samples:
    if len(data) == 0:
        raise TaskError("task.train: the dataset is empty; leave it out, and the calibration samples serve")

    def read(indices: NDArray[np.intp]) -> Labelled:
        arrays, targets = samples_at(data, builder.form, indices)  # type: ignore[arg-type]
        return to_tensors(arrays), classes_of(targets)

    return Samples(read, len(data), size, seed)


class _Collated:
    """Inputs and labels of what a loader gives, ``(inputs, targets)``, nested as samples are."""

    def __init__(self, builder: Builder) -> None:
        self._form = builder.form

    def __call__(self, given: Any) -> Labelled:
        if not isinstance(given, tuple | list) or len(given) != 2:
            raise TaskError(f"task.train: expected batches (inputs, targets) of the DataLoader, got {kind(given)}")
        inputs, targets = given
        try:
            batch: Tensors = self._form.batch(inputs)
        except StructureError as error:
            raise TaskError(f"task.train: inputs of the DataLoader: {error}") from error
        labels = classes_of(targets.numpy()) if isinstance(targets, Tensor) else None
        return mapped(lambda part: part.float() if part.is_floating_point() else part, batch), labels
