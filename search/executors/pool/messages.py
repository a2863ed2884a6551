"""What goes over the pipe between the pool and one of its worker processes, which are two halves of one program."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeAlias

from ....evaluators.device.link import OpenDevice
from ....evaluators.device.remote.request import Reply, Request
from ....evaluators.results.candidate import Candidate
from ....evaluators.results.fronts.front import Front
from ....spaces.policy import Policy
from ..errors import SentError


class JoiningEvaluator(Protocol):
    """What a worker process evaluates with; see :class:`parefront.evaluators.trial.evaluate.TaskEvaluator`."""

    def join(self, artifacts: Path, measured: Candidate) -> None: ...

    def evaluate(self, policy: Policy, artifact: Path, rivals: Front | None = None) -> Candidate: ...

    def close(self) -> None: ...


MakeEvaluator: TypeAlias = Callable[[Callable[[str], None], OpenDevice], JoiningEvaluator]
"""Makes the evaluator in a worker process, so it has to be picklable; it is told to whom to say what goes on, and how
devices are reached."""


@dataclass(frozen=True)
class Setup:
    """What a worker process starts with.

    Attributes:
        make: makes its evaluator.
        folder: of its own, with copies of the search's :func:`~parefront.evaluators.trial.shared_files.shared_files`.
        baseline: the uncompressed model, as the search has measured it.
        cores: that it may use; empty where the system does not let one choose.
    """

    make: MakeEvaluator
    folder: Path
    baseline: Candidate
    cores: tuple[int, ...]


@dataclass(frozen=True)
class Task:
    """To the worker: evaluate, as ``Evaluator.evaluate``."""

    policy: Policy
    artifact: Path
    rivals: Front


@dataclass(frozen=True)
class Answer:
    """To the worker: what the owner of the devices says to a question of that number."""

    number: int
    content: Reply | SentError


@dataclass(frozen=True)
class Ready:
    """From the worker: it waits for tasks."""


@dataclass(frozen=True)
class Question:
    """From the worker: to the owner of the devices."""

    number: int
    request: Request


@dataclass(frozen=True)
class Result:
    """From the worker: the candidate of its task, or the error; of getting ready, the error."""

    content: Candidate | SentError
