"""Checks a task's metric before anything is written: that it takes outputs and targets, and gives what it should."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch.utils.data import Subset

from ..evaluators.quality.accuracy import split_batch
from ..evaluators.quality.scoring.quality import Quality
from ..evaluators.quality.scoring.registry import quality_of
from ..evaluators.quality.scoring.scores import Replicates, SampleScores, Scores
from ..evaluators.quality.scoring.tally import outputs_part, outputs_to_torch, part_of
from ..evaluators.quality.split_digest import digest_of_value
from ..evaluators.quality.task_signature import input_form, metric_form
from ..spaces.errors import TaskError
from ..spaces.messages import first_line
from ..spaces.task import Dataset, Task
from ..spaces.tensors.batch import to_arrays, to_tensors
from ..spaces.tensors.signature import OutputForm

BATCH = 64
"""Samples that a metric is called on; where one of all samples together is not finite on these, it is on the split."""
ALONE = 4
"""Samples that a metric of single samples is called on one by one, too."""
TOLERANCE = 1e-4
"""Largest difference allowed between a sample's score alone and in a batch, relative to the largest score."""


MISREAD = (TypeError, LookupError, AttributeError)
"""Errors of a metric that takes outputs or targets for what they are not; their text does not tell what those are."""


def check_metric(task: Task) -> None:
    """Call the metric on the first samples of the search and the test split, and leave it reset.

    Raises:
        TaskError: where it is no metric, does not take the outputs and targets, gives something else than one number,
            or one for each sample, is not finite, or does not say whether higher is better.
    """
    quality = quality_of(task)
    if quality.classifies:
        return
    for name, split in (("search", task.search), ("test", task.test)):
        where = f"{_called(task, quality)} on outputs and targets of the {name} split"
        if quality.is_per_sample:
            _check_samples(task, quality, where, split)
        else:
            _check_whole(task, quality, where, name, split)


def _check_samples(task: Task, quality: Quality, where: str, split: Dataset) -> None:
    """The scores of a batch are finite, and those that the samples have alone."""
    ((outputs, targets),) = _batches(task, split, min(BATCH, len(split)))
    before = digest_of_value((outputs, targets))
    together = _scores(quality, where, [(outputs, targets)], len(targets))
    few = range(min(ALONE, len(targets)))
    parts = [(outputs_part(outputs, i, i + 1), part_of(targets, i, i + 1)) for i in few]
    alone = _scores(quality, where, parts, len(few))
    assert isinstance(together, SampleScores)
    assert isinstance(alone, SampleScores)
    if digest_of_value((outputs, targets)) != before:
        raise TaskError(f"task.metric: {where}: it changes them in place; compute it of copies")
    bad = np.flatnonzero(~np.isfinite(together.values))
    if len(bad):
        raise TaskError(
            f"task.metric: {where}: it is {together.values[bad[0]]} for sample {bad[0]}; expected a finite number"
        )
    largest = float(np.abs(together.values).max())
    if (np.abs(alone.values - together.values[: len(few)]) > TOLERANCE * largest).any():
        raise TaskError(
            f"task.metric: {where}: the score of a sample depends on the others of its batch; expected a score of each "
            "sample by itself"
        )


def _check_whole(task: Task, quality: Quality, where: str, name: str, split: Dataset) -> None:
    for count in dict.fromkeys((min(BATCH, len(split)), len(split))):
        scores = _scores(quality, where, _batches(task, split, count), count)
        assert isinstance(scores, Replicates)
        if math.isfinite(value := scores.value):
            return
    raise TaskError(
        f"task.metric: {_called(task, quality)} is {value} of the uncompressed model on the {name} split "
        f"({len(split)} samples); expected a finite number"
    )


def _scores(quality: Quality, where: str, batches: Iterable[tuple[Any, Any]], count: int) -> Scores:
    """The scores of ``count`` samples."""
    outputs = targets = None
    try:
        tally = quality.tally(count)
        for index, (outputs, targets) in enumerate(batches):
            tally.update(outputs, targets)
            if index == 0 and quality.check is not None:
                quality.check(outputs_to_torch(outputs))
        return tally.scores()
    except TaskError:
        raise
    except Exception as error:
        given = f" (outputs: {_form(outputs)}; targets: {_form(targets)})" if isinstance(error, MISREAD) else ""
        raise TaskError(f"task.metric: {where}: {first_line(error)}{given}") from error


def _form(value: Any) -> str:
    """How outputs or targets are nested, with shapes: ``{boxes: 64×10×4}``, ``a list of 64, each 3×4``."""
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key}: {_form(part)}' for key, part in value.items())}}}"
    if isinstance(value, tuple):
        return f"({', '.join(map(_form, value))})"
    if isinstance(value, list):
        return f"a list of {len(value)}, the first {_form(value[0])}" if value else "an empty list"
    shape = getattr(value, "shape", None)
    return ("×".join(map(str, shape)) or "a number") if shape is not None else f"a {type(value).__name__}"


def _batches(task: Task, split: Dataset, count: int) -> Iterator[tuple[Any, Any]]:
    """Outputs of the model, in arrays nested as it returns them, and targets of the first ``count`` samples."""
    form = input_form(task)
    for start in range(0, count, BATCH):
        part: Subset[Any] = Subset(split, range(start, min(count, start + BATCH)))  # type: ignore[arg-type]
        inputs, targets = split_batch(part, form)
        with torch.no_grad():  # which must not last while the caller works with what is yielded, or gives up
            returned = form.run(task.model, to_tensors(inputs))
        outputs = OutputForm.of(returned, form.names)
        yield metric_form(task, outputs).restore(to_arrays(outputs.batch(returned))), targets


def _called(task: Task, quality: Quality) -> str:
    """How messages call the metric: by the name of its class where it has one of its own."""
    named = isinstance(task.metric, str | Quality) or quality.is_per_sample
    return quality.metric.name if named else type(task.metric).__name__
