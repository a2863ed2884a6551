"""Outputs of an artefact through ONNX Runtime, in batches on all cores, and which of them are right."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from torch.utils.data import Dataset

from ..device.lock import THIS_MACHINE, shared
from .reading import Targets, TensorPair, samples, to_array
from .split_samples import Stack, TargetStack

Array = NDArray[Any]


class Inputs(Protocol):
    """An array `(n, …)`, or what gives one when it is sliced."""

    def __len__(self) -> int: ...
    def __getitem__(self, part: slice, /) -> Array: ...


def run_outputs(artifact: Path | ort.InferenceSession, inputs: Inputs, batch: int = 64) -> Array:
    """The first output for all `inputs`, shape `(n, …)` (the logits of a classifier)."""
    session = open_session(artifact) if isinstance(artifact, Path) else artifact
    outputs: Array | None = None
    filled = 0
    for part in output_batches(session, inputs, batch):
        if outputs is None:
            outputs = np.empty((len(inputs), *part.shape[1:]), part.dtype)
        outputs[filled : filled + len(part)] = part
        filled += len(part)
    assert outputs is not None
    return outputs


def output_batches(session: ort.InferenceSession, inputs: Inputs, batch: int = 64) -> Iterator[Array]:
    """The first output, batch by batch, so that whoever asks can stop as soon as enough is known.

    Where the artefact's batch axis is fixed, its size replaces `batch` and the last batch is filled up. Pauses while
    somebody measures on this machine.
    """
    if len(inputs) == 0 or batch < 1:
        raise ValueError(f"expected inputs and a batch of at least one, got {len(inputs)} and {batch}")
    spec, output = session.get_inputs()[0], session.get_outputs()[0].name
    fixed = fixed_batch(session)
    size = fixed or batch
    for start in range(0, len(inputs), size):
        images = inputs[start : start + size]
        count = len(images)
        if fixed and count < fixed:
            images = np.concatenate([images, np.repeat(images[-1:], fixed - count, axis=0)])
        with shared(THIS_MACHINE):
            outputs = session.run([output], {spec.name: np.ascontiguousarray(images)})[0]
        yield outputs[:count]


def fixed_batch(session: ort.InferenceSession) -> int | None:
    """The size of the artefact's batch axis, where it is fixed."""
    shape = session.get_inputs()[0].shape
    return shape[0] if shape and isinstance(shape[0], int) else None


def open_session(artifact: Path, threads: int | None = None) -> ort.InferenceSession:
    """A session for throughput on this machine's CPU, with `threads` threads (all cores by default)."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads or os.cpu_count() or 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # For signed activations on x86, where onnxruntime else rewrites them as unsigned and at times breaks the model.
    options.add_session_config_entry("session.qdqisint8allowed", "1")
    return ort.InferenceSession(str(artifact), options, providers=["CPUExecutionProvider"])


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
    indices = drawn_indices(dataset, limit, seed, shuffled)
    held = TensorPair.of(dataset)
    if held is not None:
        return held.take(indices)
    inputs, targets = Stack(len(indices)), TargetStack(len(indices))
    for index, (image, target) in zip(indices.tolist(), samples(dataset, indices), strict=True):  # type: ignore[arg-type]
        inputs.put(to_array(image), index)
        targets.put(target, index)
    return inputs.array, targets.part(0, len(indices))


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
