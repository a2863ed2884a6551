"""Sessions on artefacts, which outputs are right, and splits as arrays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from torch.utils.data import Dataset

from ...spaces.tensors.batch import Arrays
from ...spaces.tensors.signature import InputForm
from ..restore.exact_session import exact_session
from .reading import Targets, TensorPair, samples
from .stacks import NamedStack, TargetStack, input_arrays

Array = NDArray[Any]


def open_session(artifact: Path | bytes, threads: int | None = None) -> ort.InferenceSession:
    """A session on this machine's CPU, with `threads` threads (by default one for each core of this process)."""
    return exact_session(artifact, threads)


def correct(outputs: Array, targets: Array) -> NDArray[np.bool_]:
    """Whether the greatest of the outputs `(n, classes)` is the target `(n,)`; a row that is not finite is wrong."""
    if outputs.ndim != 2 or targets.shape != outputs.shape[:1]:
        raise ValueError(
            f"accuracy needs outputs (n, classes) and targets (n,), got {outputs.shape} and {targets.shape}; "
            "give the task a metric of its own"
        )
    right: NDArray[np.bool_] = (outputs.argmax(axis=1) == targets) & np.isfinite(outputs).all(axis=1)
    return right


def split_inputs(
    dataset: Dataset[Any], limit: int | None = None, seed: int = 0, shuffled: bool = False
) -> tuple[Array, Targets]:
    """The inputs `(n, …)` and targets `(n, …)` of a map-style dataset of `(input, target)`, stacked once.

    Targets that are lists, tuples or mappings are a list instead. Which samples, and in which order, is as in
    `drawn_indices`.
    """
    inputs, targets = split_batch(dataset, None, limit, seed, shuffled)
    assert isinstance(inputs, np.ndarray)
    return inputs, targets


def split_batch(
    dataset: Dataset[Any], form: InputForm | None, limit: int | None = None, seed: int = 0, shuffled: bool = False
) -> tuple[Arrays, Targets]:
    """As `split_inputs`, of samples whose inputs have that `form` (None for one tensor): several come by name."""
    return samples_at(dataset, form, drawn_indices(dataset, limit, seed, shuffled))


def samples_at(dataset: Dataset[Any], form: InputForm | None, indices: NDArray[np.intp]) -> tuple[Arrays, Targets]:
    """Inputs and targets `(n, …)` of the samples at `indices`, stacked; several inputs come by name."""
    held = TensorPair.of(dataset)
    if held is not None:
        return held.take(indices)
    inputs, targets = NamedStack(len(indices)), TargetStack(len(indices))
    for index, (given, target) in zip(indices.tolist(), samples(dataset, indices), strict=True):  # type: ignore[arg-type]
        inputs.put(input_arrays(form, given, "dataset", index), index)
        targets.put(target, index)
    return inputs.part(0, len(indices)), targets.part(0, len(indices))


def drawn_indices(dataset: Any, limit: int | None = None, seed: int = 0, shuffled: bool = False) -> NDArray[np.intp]:
    """Which samples of a map-style dataset are taken: at most `limit`, drawn without replacement by `seed`.

    They are in the dataset's order, or where `shuffled` the same ones in an order that `seed` draws too.
    """
    length = len(dataset)
    if length == 0:
        raise ValueError("the dataset is empty")
    indices = np.arange(length)
    if limit is not None and limit < length:
        indices = np.sort(np.random.default_rng(seed).choice(length, limit, replace=False))
    return np.random.default_rng(seed).permutation(indices) if shuffled else indices
