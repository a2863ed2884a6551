"""Quality of an artefact: its outputs through ONNX Runtime, in batches on all cores, and the score of these."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import onnxruntime as ort
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from ...spaces.errors import Infeasible
from ..device.lock import THIS_MACHINE, shared
from ..results.measurement import Measurement, proportion, student_half_width
from .reading import TensorPair, samples, to_array
from .split_samples import Stack

Array = NDArray[Any]

CHUNKS = 20


class Metric(Protocol):
    """The part of `torchmetrics.Metric` that is used here."""

    def update(self, preds: torch.Tensor, target: torch.Tensor) -> None: ...
    def compute(self) -> Any: ...
    def reset(self) -> None: ...


class Inputs(Protocol):
    """An array `(n, …)`, or what gives one when it is sliced."""

    def __len__(self) -> int: ...
    def __getitem__(self, part: slice, /) -> Array: ...


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """The outputs `(n, …)` of an artefact, their score, and for top-1 accuracy which images are right, shape `(n,)`.

    `correct` is None where a metric of the user's own was asked for.
    """

    outputs: Array
    score: Measurement
    correct: NDArray[np.bool_] | None


def evaluate(
    artifact: Path,
    inputs: Array,
    targets: Array,
    *,
    metric: Metric | None = None,
    batch: int = 64,
    threads: int | None = None,
) -> Evaluation:
    """Score the artefact on `inputs` `(n, …)` and `targets` `(n, …)`: top-1 accuracy, or `metric` where one is given.

    `threads` are all cores by default. Higher is better for accuracy; for `metric` it is as the metric says.
    """
    outputs = run_outputs(open_session(artifact, threads), inputs, batch)
    if metric is not None:
        return Evaluation(outputs, metric_score(metric, outputs, targets), None)
    right = correct(outputs, targets)
    return Evaluation(outputs, proportion(int(right.sum()), right.size), right)


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
    fixed = spec.shape[0] if spec.shape and isinstance(spec.shape[0], int) else None
    size = fixed or batch
    for start in range(0, len(inputs), size):
        images = inputs[start : start + size]
        count = len(images)
        if fixed and count < fixed:
            images = np.concatenate([images, np.repeat(images[-1:], fixed - count, axis=0)])
        with shared(THIS_MACHINE):
            outputs = session.run([output], {spec.name: np.ascontiguousarray(images)})[0]
        yield outputs[:count]


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
            f"top-1 accuracy needs outputs (n, classes) and targets (n,), got {outputs.shape} and {targets.shape}; "
            "give the task a metric of its own"
        )
    right: NDArray[np.bool_] = (outputs.argmax(axis=1) == targets) & np.isfinite(outputs).all(axis=1)
    return right


def metric_score(metric: Metric, outputs: Array, targets: Array, unit: str = "score", seed: int = 0) -> Measurement:
    """The metric over all `n` samples, with the interval that its spread over 20 random chunks gives.

    A chunk's score has about sqrt(20) times the standard error of the whole's, so the interval is Student's, with
    19 degrees of freedom, about the whole's score. This costs one more pass and asks only that the metric is
    roughly a mean over samples; where it is not (a maximum, an AUC of rare classes) the interval is too wide rather
    than too narrow. With fewer than 40 samples there are as many chunks as pairs; with fewer than 4 samples
    there is no interval, and the measurement is `noisy`. Chunks on which the metric is not finite (an F1 of classes
    that are not among them) are left out; where that leaves fewer than half of them, the measurement is `noisy`, too.
    The metric is left reset.

    Raises:
        Infeasible: where the metric is not finite on the whole.
    """
    n = len(outputs)
    if n == 0 or n != len(targets):
        raise ValueError(f"expected as many targets as outputs, and one at least, got {len(targets)} and {n}")
    predictions, truth = (torch.from_numpy(np.ascontiguousarray(array)) for array in (outputs, targets))
    value = _computed(metric, predictions, truth)
    if n < 4 or not np.isfinite(value):
        return chunk_interval(metric, value, [], n, unit)
    order = torch.from_numpy(np.random.default_rng(seed).permutation(n))
    chunks = [_computed(metric, predictions[part], truth[part]) for part in order.tensor_split(min(CHUNKS, n // 2))]
    return chunk_interval(metric, value, chunks, n, unit)


def chunk_interval(metric: Metric, value: float, chunks: list[float], n: int, unit: str) -> Measurement:
    """A metric's score of `n` samples, with the interval that random chunks of them give.

    Chunks on which the metric is not finite are left out; where more than half of them are, or fewer than two are
    left, the measurement is `noisy`.

    Raises:
        Infeasible: where the score itself is not finite.
    """
    if not np.isfinite(value):
        raise Infeasible(f"{type(metric).__name__} is {value} over {n} samples")
    finite = np.array([chunk for chunk in chunks if np.isfinite(chunk)])
    if len(finite) < 2:
        return Measurement(value, value, value, n, unit, noisy=True)
    half = student_half_width(finite)
    return Measurement(value, value - half, value + half, n, unit, noisy=2 * len(finite) < len(chunks))


def split_inputs(
    dataset: Dataset[Any], limit: int | None = None, seed: int = 0, shuffled: bool = False
) -> tuple[Array, Array]:
    """The inputs `(n, …)` and targets `(n, …)` of a map-style dataset of `(input, target)`, stacked once.

    Which samples, and in which order, is as in `drawn_indices`.
    """
    indices = drawn_indices(dataset, limit, seed, shuffled)
    held = TensorPair.of(dataset)
    if held is not None:
        return held.take(indices)
    inputs, targets = Stack(len(indices)), Stack(len(indices))
    for index, (image, target) in zip(indices.tolist(), samples(dataset, indices), strict=True):  # type: ignore[arg-type]
        inputs.put(to_array(image), index)
        targets.put(to_array(target), index)
    return inputs.array, targets.array


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


def _computed(metric: Metric, predictions: torch.Tensor, targets: torch.Tensor) -> float:
    metric.reset()
    metric.update(predictions, targets)
    value = metric.compute()
    metric.reset()
    return float(value)
