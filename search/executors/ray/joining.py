"""What a worker of the cluster makes its evaluator from, sent once: the task, and what the search has timed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ....evaluators.device.link import OpenDevice
from ....evaluators.results.candidate import Candidate
from ....evaluators.results.fronts.front import Front
from ....evaluators.trial.shared_files import shared_files
from ..pool.messages import JoiningEvaluator, MakeEvaluator


@dataclass(frozen=True)
class JoinTask:
    """Makes an evaluator of a task that takes part in a search which was begun elsewhere.

    Attributes:
        make: the evaluator.
        baseline: the uncompressed model as the search has measured it.
        files: content of the files that all who evaluate for the search share, by name.
    """

    make: MakeEvaluator
    baseline: Candidate
    files: Mapping[str, bytes]

    @classmethod
    def of(cls, make: MakeEvaluator, artifacts: Path, rivals: Front) -> JoinTask:
        """Into the search that has its files in that folder, and that front."""
        files = {file.name: file.read_bytes() for file in shared_files(artifacts)}
        return cls(make, replace(rivals.baseline, artifact=None), files)

    def __call__(self, open_device: OpenDevice, folder: Path) -> JoiningEvaluator:
        for name, content in self.files.items():
            (folder / name).write_bytes(content)
        evaluator = self.make(lambda phase: None, open_device)
        evaluator.join(folder, self.baseline)
        return evaluator
