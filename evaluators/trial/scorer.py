"""How good artefacts are: scores on the search split, and at the end on the test split."""

from __future__ import annotations

from pathlib import Path

import onnxruntime as ort

from ...spaces.errors import Infeasible, TaskError
from ...spaces.task import Task
from ...spaces.tensors.batch import Arrays
from ..quality.accuracy import open_session
from ..quality.scoring.registry import quality_of
from ..quality.scoring.scores import Scores
from ..quality.task_signature import metric_form, signature_of
from ..results.candidate import Candidate
from ..results.measurement import Measurement
from .split import Split, Working, beside_nobody

TEST = "test_"
"""How metrics of the test split begin."""


class Scorer:
    """Scores the artefacts of one task; the uncompressed model first, which all others are compared with.

    Args:
        task: whose splits and metric are used; already checked.
        images: most search images to score a candidate on; all of them where None.
        seed: which images those are.

    Attributes:
        quality: the task's metric.
        search: the search split.
    """

    def __init__(self, task: Task, images: int | None = None, seed: int = 0) -> None:
        self._test_data = task.test
        self.quality = quality_of(task)
        signature = signature_of(task)
        self._forms = signature.inputs, metric_form(task, signature.outputs)
        self.search = Split.of("", task.search, self.quality, images, seed, self._forms)
        self._test: Split | None = None
        self._known: dict[str, Scores] = {}

    @property
    def can_race(self) -> bool:
        """Whether a part of the split bounds the score on all of it."""
        return self.quality.is_per_sample

    def reference(self, session: ort.InferenceSession) -> dict[str, Measurement]:
        """Score the uncompressed model on the search split.

        Raises:
            TaskError: where the metric is not finite.
        """
        return _reference(self.search, session)

    def score(self, session: ort.InferenceSession, working: Working = beside_nobody) -> dict[str, Measurement]:
        """Score an artefact on all of the search split; ``working`` as for :meth:`Split.growing`."""
        return self.search.score(session, working)

    def score_on_test(self, artifact: Path, uncompressed: Path) -> dict[str, Measurement]:
        """Score an artefact on the test split, which is read when this is first called.

        Raises:
            TaskError: as :meth:`reference`.
        """
        if self._test is None:
            self._test = Split.of(TEST, self._test_data, self.quality, forms=self._forms)
            _reference(self._test, open_session(uncompressed))
        return self._test.score(open_session(artifact))

    def gain(self, candidate: Candidate, over: Candidate) -> Measurement:
        """How much better a candidate's file is than another's on the search split, both run on the same samples.

        Above zero it is better, whichever way the metric goes.

        Raises:
            Infeasible: where the metric is not finite.
        """
        metric, after, before = self.quality.metric, self._scores(candidate), self._scores(over)
        return after.change(before, metric) if metric.higher_is_better else before.change(after, metric)

    def _scores(self, candidate: Candidate) -> Scores:
        """What the file scores, sample by sample; those of the last two files are remembered."""
        if candidate.sha256 not in self._known:
            assert candidate.artifact is not None
            seen = self.search.whole(open_session(candidate.artifact))
            self._known = {**dict(list(self._known.items())[-1:]), candidate.sha256: seen.scores}
        return self._known[candidate.sha256]

    def inputs(self, count: int) -> Arrays:
        """The first inputs of the search split, at most ``count``."""
        return self.search.samples.inputs(0, count)


def _reference(split: Split, session: ort.InferenceSession) -> dict[str, Measurement]:
    try:
        return split.score_reference(session)
    except (Infeasible, ValueError) as error:
        name = "test" if split.name else "search"
        raise TaskError(f"task.metric: {error}, of the uncompressed model on the {name} split") from error
