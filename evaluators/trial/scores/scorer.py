"""How good artefacts are: scores on the search split, and at the end on the test split."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import fx

from ....spaces.errors import Infeasible, TaskError
from ....spaces.task import Task
from ....spaces.tensors.batch import Arrays, named, to_arrays, to_tensors, unnamed
from ....spaces.tensors.signature import OUTPUT
from ...quality.accuracy import open_session
from ...quality.scoring.registry import quality_of
from ...quality.scoring.scores import Scores
from ...quality.subgroups import subgroups_of
from ...quality.task_signature import metric_form, signature_of
from ...results.candidate import Candidate
from ...results.measurement import Measurement
from ...runtimes.runtime import Opens
from ...runtimes.session import Session
from .split import Split, Working, beside_nobody
from .tested import Tested

TEST = "test_"
"""How metrics of the test split begin."""
GLIMPSED = 256
"""Samples that a network under training is scored on meanwhile."""
PICTURES = 24
"""Images of the test split that a candidate answers otherwise, of which small pictures are kept."""
REMEMBERED = 64
"""Files whose scores of single samples are remembered."""


class Scorer:
    """Scores the artefacts of one task; the uncompressed model first, which all others are compared with.

    Args:
        task: whose splits and metric are used; already checked.
        images: most search images to score a candidate on; all of them where None.
        seed: which images those are.
        opens: opens artefacts in the runtime that they are scored in.
        pictures: of how many images that it answers otherwise a picture is made, at most, of each tested candidate.

    Attributes:
        quality: the task's metric.
        search: the search split.
    """

    def __init__(
        self,
        task: Task,
        images: int | None = None,
        seed: int = 0,
        opens: Opens = open_session,
        pictures: int = PICTURES,
    ) -> None:
        self._pictures = pictures
        self._opens = opens
        self._test_data, self._told = task.test, task.subgroups  # and not the task: its model is to be let go
        self.quality = quality_of(task)
        signature = signature_of(task)
        self._forms = signature.inputs, metric_form(task, signature.outputs)
        self.search = Split.of("", task.search, self.quality, images, seed, self._forms)
        self._test: Split | None = None
        self._subgroups: NDArray[np.str_] | None = None
        self._known: dict[str, Scores] = {}

    @property
    def can_race(self) -> bool:
        """Whether a part of the split bounds the score on all of it."""
        return self.quality.is_per_sample

    def reference(self, session: Session) -> dict[str, Measurement]:
        """Score the uncompressed model on the search split.

        Raises:
            TaskError: where the metric is not finite.
        """
        return _reference(self.search, session)

    def score(
        self, session: Session, working: Working = beside_nobody, sha256: str | None = None
    ) -> dict[str, Measurement]:
        """Score an artefact on all of the search split.

        Args:
            session: on its file.
            working: as for :meth:`Split.growing`.
            sha256: of the file, where :meth:`gain` will be asked of it.

        Raises:
            Infeasible: where the metric is not finite.
        """
        seen = self.search.whole(session, working)
        if sha256 is not None:
            self._remember(sha256, seen.scores)
        with working():
            return self.search.all_of(seen)

    def score_on_test(self, artifact: Path, uncompressed: Path) -> Tested:
        """Score an artefact on the test split, which is read when this is first called.

        Raises:
            TaskError: as :meth:`reference`.
        """
        if self._test is None:
            self._test = Split.of(TEST, self._test_data, self.quality, forms=self._forms)
            _reference(self._test, self._opens(uncompressed))
            if self._told is not None:
                self._subgroups = subgroups_of(self._told, self._test_data, self._test.samples.indices)
        seen = self._test.whole(self._opens(artifact), beside_nobody)
        with beside_nobody():
            return Tested.of(self._test, seen, self._pictures, self._subgroups)

    def gain(self, candidate: Candidate, over: Candidate) -> Measurement:
        """How much better a candidate's file is than another's on the search split, both run on the same samples.

        Above zero it is better, whichever way the metric goes.

        Raises:
            Infeasible: where the metric is not finite.
        """
        metric, after, before = self.quality.metric, self._scores(candidate), self._scores(over)
        return after.change(before, metric) if metric.higher_is_better else before.change(after, metric)

    def _scores(self, candidate: Candidate) -> Scores:
        """What the file scores, sample by sample."""
        if candidate.sha256 not in self._known:
            assert candidate.artifact is not None
            self._remember(candidate.sha256, self.search.whole(self._opens(candidate.artifact)).scores)
        return self._known[candidate.sha256]

    def _remember(self, sha256: str, scores: Scores) -> None:
        self._known[sha256] = scores
        for oldest in list(self._known)[:-REMEMBERED]:
            del self._known[oldest]

    def glimpse(self, net: fx.GraphModule) -> float | None:
        """What a network in PyTorch scores on the first samples of the search split; None where that is not finite."""

        def run(inputs: Arrays) -> Arrays:
            outputs = named(net(to_tensors(inputs)), OUTPUT)
            return to_arrays(unnamed({name: outputs[name].float() for name in outputs}))

        try:
            with torch.no_grad():
                return self.search.glimpse(run, GLIMPSED)
        except Infeasible:
            return None

    def inputs(self, count: int) -> Arrays:
        """The first inputs of the search split, at most ``count``."""
        return self.search.samples.inputs(0, count)


def _reference(split: Split, session: Session) -> dict[str, Measurement]:
    try:
        return split.score_reference(session)
    except (Infeasible, ValueError) as error:
        name = "test" if split.name else "search"
        raise TaskError(f"task.metric: {error}, of the uncompressed model on the {name} split") from error
