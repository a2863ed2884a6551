"""The side of a worker: makes its evaluator once, and turns what it is sent into what it sends back."""

from __future__ import annotations

import pickle
import platform
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Protocol, TypeAlias

from ....evaluators.device.errors import DeviceError
from ....evaluators.device.link import OpenDevice
from ....evaluators.device.worker import scratch_folder
from ....evaluators.results.candidate import Candidate
from ....evaluators.results.fronts.front import Front
from ....spaces.errors import ParefrontError, is_of_the_host
from ....spaces.messages import one_line
from ....spaces.policy import Policy
from .messages import Outcome


class WorkerUnfit(ParefrontError):
    """A process that cannot evaluate this search's policies at all (exit code 2)."""


class ReadyEvaluator(Protocol):
    """What a worker evaluates with, as :class:`parefront.evaluators.trial.evaluator.Evaluator` says."""

    def evaluate(self, policy: Policy, artifact: Path, rivals: Front | None = None) -> Candidate: ...

    def close(self) -> None: ...


def pickled(outcome: Outcome) -> bytes:
    """What is sent to the controller."""
    return pickle.dumps(outcome)


JoinSearch: TypeAlias = Callable[[OpenDevice, Path], ReadyEvaluator]
"""Makes an evaluator that is ready to evaluate in a search that was begun elsewhere, given the way to the devices and a
folder for its files; can be pickled."""


class Worker:
    """Evaluates in a folder of its own, which is removed with it; that of a killed process once another one starts.

    Args:
        join: makes the evaluator; pickled.
        open_device: the way to the devices.
    """

    def __init__(self, join: bytes, open_device: OpenDevice) -> None:
        self._join, self._open_device = join, open_device
        self._scratch = ExitStack()
        self._folder = Path(self._scratch.enter_context(scratch_folder()))
        self._evaluator: ReadyEvaluator | None = None

    def evaluate(self, content: bytes) -> bytes:
        """The outcome of a pickled ``Work``, pickled.

        Raises:
            OSError: or what else is this machine's fault, not the policy's; another one may do better.
        """
        artifact = self._folder / "candidate.onnx"
        try:
            evaluator, work = self._joined(), pickle.loads(content)
            candidate = evaluator.evaluate(work.policy, artifact, work.rivals)
            data = artifact.read_bytes() if candidate.artifact is not None else b""
            outcome = Outcome(replace(candidate, artifact=None), data)
        except Exception as error:
            if is_of_the_host(error):
                raise
            outcome = Outcome.of_error(error)
        return pickled(outcome)

    def _joined(self) -> ReadyEvaluator:
        """The evaluator, made at the first call.

        Raises:
            WorkerUnfit: where it cannot be made here, as it was in the controller's process.
        """
        if self._evaluator is None:
            try:
                join: JoinSearch = pickle.loads(self._join)
                self._evaluator = join(self._open_device, self._folder)
            except ParefrontError:
                raise
            except Exception as error:
                if is_of_the_host(error) or isinstance(error, DeviceError):
                    raise
                raise WorkerUnfit(
                    f"a worker on {platform.node()} cannot make its evaluator: {one_line(error)}; "
                    "what the task imports has to be installed on every node"
                ) from error
        return self._evaluator

    def close(self) -> None:
        """Close the evaluator and remove the folder."""
        if self._evaluator is not None:
            self._evaluator.close()
            self._evaluator = None
        self._scratch.close()
