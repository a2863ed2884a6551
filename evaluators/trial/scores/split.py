"""A split of the task as arrays, and the score of an artefact on it, alone and paired with the uncompressed model."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ....spaces.errors import TaskError
from ....spaces.task import Dataset
from ....spaces.tensors.batch import Arrays, named
from ....spaces.tensors.signature import OUTPUT, InputForm, OutputForm
from ...device.lock import THIS_MACHINE, shared
from ...quality.accuracy import drawn_indices
from ...quality.divergence import divergence
from ...quality.inference import fixed_batch, run_outputs
from ...quality.reading import bytes_of
from ...quality.scoring.builtin import ACCURACY
from ...quality.scoring.quality import Quality
from ...quality.scoring.scores import SampleScores, Scores
from ...quality.split_samples import SplitSamples
from ...quality.stacks import NamedStack
from ...results.classes.class_counts import ClassCount, counted_by_class
from ...results.measurement import Measurement
from ...results.metric import Metric
from ...runtimes.session import Session

FIRST_LOOK = 128
"""Images of the first look; every further one has twice as many. A multiple of the batch, so that looking changes no
output."""
KEPT_BYTES = 2**29
"""Where outputs and targets take more than this and outputs are no class scores, the divergence is that of the first
ones, which take so many."""
BATCH = 64
Working: TypeAlias = Callable[[], AbstractContextManager[None]]
"""Gives a context to compute in."""


def beside_nobody() -> AbstractContextManager[None]:
    """Compute while nobody measures on this machine."""
    return shared(THIS_MACHINE)


@dataclass(frozen=True, eq=False)
class Seen:
    """What is known of an artefact after the first samples.

    Attributes:
        count: of these.
        scores: by the task's metric.
        outputs: of as many of them as are kept, shape ``(m, …)``, or several by name.
    """

    count: int
    scores: Scores
    outputs: Arrays


@dataclass(eq=False)
class Split:
    """Inputs ``(n, …)`` and targets of one split, and how they are scored.

    Their order is random, so that any first part of them is a fair sample of all. Large splits are not held in memory,
    but read batch by batch whenever they are scored; what is kept of them are targets and the reference.

    Attributes:
        name: prefix of its metrics: ``""`` for the search split, ``"test_"`` for the test split.
        quality: the task's metric.
        form: how the model returns its outputs, and so how the metric is given them.
        reference: the uncompressed model's outputs and scores, or of the outputs the first ones where they are large;
            set by scoring it first.
    """

    name: str
    samples: SplitSamples
    quality: Quality = ACCURACY
    form: OutputForm = field(default_factory=OutputForm.bare)
    reference: Seen | None = field(default=None, init=False)

    @classmethod
    def of(
        cls,
        name: str,
        dataset: Dataset,
        quality: Quality = ACCURACY,
        limit: int | None = None,
        seed: int = 0,
        forms: tuple[InputForm | None, OutputForm] | None = None,
    ) -> Split:
        """At most ``limit`` samples; which, and in which order, is drawn by ``seed``.

        ``forms`` are those of the model's inputs and of what the metric is given; by default one tensor each.
        """
        inputs, outputs = forms or (None, OutputForm.bare())
        indices = drawn_indices(dataset, limit, seed, shuffled=True)
        return cls(name, SplitSamples(dataset, indices, _in_task(name), inputs), quality, outputs)

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def looks(self) -> int:
        """How many times :meth:`growing` stops to look."""
        return len(_ends(len(self)))

    def growing(self, session: Session, working: Working = beside_nobody) -> Iterator[Seen]:
        """An artefact on a first part of the split, that doubles until it is all of it.

        Only for metrics of single samples; of others nothing is known before the end. Batch by batch something is
        computed inside of ``working()``, so that whoever wants to measure on this machine waits for one at most.
        """
        yield from self._run(session, _ends(len(self)), working)

    def score(self, session: Session, working: Working = beside_nobody) -> dict[str, Measurement]:
        """The scores of an artefact on all of the split; ``working`` as for :meth:`growing`.

        Raises:
            Infeasible: where the metric is not finite.
        """
        seen = self.whole(session, working)
        with working():
            return self.all_of(seen)

    def score_reference(self, session: Session) -> dict[str, Measurement]:
        """Score the uncompressed model, and remember its outputs and scores.

        Raises:
            TaskError: where a label is no class of it.
            Infeasible: where the metric is not finite.
        """
        self.reference = None
        seen = self.whole(session)
        if self.quality.classifies:
            assert isinstance(seen.outputs, np.ndarray)
            self._check_labels(seen.outputs.shape[-1])
        found = self.by_quality(seen)
        self.reference = seen
        return found

    def all_of(self, seen: Seen) -> dict[str, Measurement]:
        """:meth:`by_quality`, and once the uncompressed model was scored ``divergence``, where outputs are finite."""
        found, outputs = self.by_quality(seen), seen.outputs
        if self.reference is None or not all(np.isfinite(part).all() for part in named(outputs, OUTPUT).values()):
            return found
        before = self.reference.outputs[: len(outputs)]
        return {**found, f"{self.name}divergence": divergence(outputs, before, classes=self.quality.classifies)}

    def by_class(self, seen: Seen, names: NDArray[np.str_] | None = None) -> tuple[ClassCount, ...]:
        """What an artefact changes in each class, once the uncompressed model was scored; none of other metrics.

        With ``names`` of the samples' subgroups, shape ``(n,)``, in each of these instead.
        """
        before, after = self.reference.scores if self.reference is not None else None, seen.scores
        if not self.quality.classifies or not isinstance(after, SampleScores) or not isinstance(before, SampleScores):
            return ()
        labels = np.asarray(self.samples.targets(0, seen.count)).astype(np.int64) if names is None else names
        return counted_by_class(labels, after.values == 1, before.values[: seen.count] == 1)

    def by_quality(self, seen: Seen) -> dict[str, Measurement]:
        """The task's metric and, once the uncompressed model was scored, its paired change: ``accuracy_change``.

        Of a part of the split it is the uncompressed model's score on all of it plus the change on that part, n is that
        of the part: whether the part is easier than the rest then makes no difference.

        Raises:
            Infeasible: where the metric is not finite.
        """
        metric = self.quality.metric
        key, measured = f"{self.name}{metric.key}", seen.scores.measurement(metric)
        if self.reference is None:
            return {key: measured}
        change = seen.scores.change(self.reference.scores, metric)
        if seen.count < len(self):
            measured = _sum(self.reference.scores.measurement(metric), change, metric)
        return {key: measured, f"{key}_change": change}

    def glimpse(self, run: Callable[[Arrays], Arrays], count: int) -> float:
        """The score of whatever gives outputs for inputs, on the first samples; it says little, and costs little.

        Args:
            run: gives outputs ``(n, …)``, or several by name, for inputs ``(n, …)``.
            count: of samples, at most.

        Raises:
            Infeasible: where the metric is not finite.
        """
        count = min(count, len(self))
        inputs, targets = self.samples.read(0, count)
        tally = self.quality.tally(count)
        tally.update(self.form.restore(run(inputs)), targets)
        return tally.scores().measurement(self.quality.metric).value

    def whole(self, session: Session, working: Working = beside_nobody) -> Seen:
        """What is known of an artefact after all samples; ``working`` as for :meth:`growing`."""
        return next(self._run(session, [len(self)], working))

    def _run(self, session: Session, ends: list[int], working: Working) -> Iterator[Seen]:
        """What is known of an artefact after so many samples; batches are the same ones whatever the ends."""
        tally, kept, start, step = self.quality.tally(len(self)), NamedStack(0), 0, _step(session)
        for end in ends:
            while start < end:
                stop = min(start + step, end)
                with working():
                    inputs, targets = self.samples.read(start, stop)
                    outputs = run_outputs(session, inputs, BATCH)
                    tally.update(self.form.restore(outputs), targets)
                    if start == 0:
                        size = sum(part.nbytes for part in named(outputs, OUTPUT).values())
                        kept = NamedStack(self._kept((size + sum(map(bytes_of, targets))) / len(outputs)))
                    if start < len(kept):
                        kept.extend(outputs[: len(kept) - start], start)
                start = stop
            with working():
                seen = Seen(end, tally.scores(), kept.part(0, kept.filled))
            yield seen

    def _kept(self, sample_bytes: float) -> int:
        """Of how many samples outputs are kept: of all for class scores, else of as many as there is room for."""
        return len(self) if self.quality.classifies else min(len(self), max(1, int(KEPT_BYTES / sample_bytes)))

    def _check_labels(self, classes: int) -> None:
        labels = np.asarray(self.samples.targets(0, len(self)))
        outside = np.flatnonzero((labels < 0) | (labels >= classes) | (labels % 1 != 0))
        if len(outside):
            raise TaskError(
                f"{_in_task(self.name)}: label {labels[outside[0]]} of sample {self.samples.indices[outside[0]]} is "
                f"out of range; the model has {classes} classes, expected 0 to {classes - 1}"
            )


def _in_task(name: str) -> str:
    """How messages name the split whose metrics have this prefix."""
    return f"task.{name.rstrip('_') or 'search'}"


def _step(session: Session) -> int:
    """Samples that are run at once: a batch, or as many whole ones as are in it where its size is fixed."""
    fixed = fixed_batch(session)
    return BATCH if fixed is None else fixed * max(1, BATCH // fixed)


def _ends(count: int) -> list[int]:
    """Where the looks at ``count`` samples end: 128, 256, …, all; the last one has a quarter of them at least."""
    ends = []
    end = FIRST_LOOK
    while 4 * end <= 3 * count:
        ends.append(end)
        end *= 2
    return [*ends, count]


def _sum(whole: Measurement, change: Measurement, metric: Metric) -> Measurement:
    """A score after a change of it, that of a fraction within [0, 1]; errors add in quadrature, n is the change's."""
    least, most = (0.0, 1.0) if metric.is_fraction else (-math.inf, math.inf)
    value = min(most, max(least, whole.value + change.value))
    below = math.hypot(whole.value - whole.low, change.value - change.low)
    above = math.hypot(whole.high - whole.value, change.high - change.value)
    return Measurement(value, max(least, value - below), min(most, value + above), change.n, whole.unit)
