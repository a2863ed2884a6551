"""A formula whose candidates take their time, made in the processes of a pool and of a cluster."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from parefront.evaluators.device.link import OpenDevice
from parefront.evaluators.results.candidate import Candidate
from parefront.evaluators.results.fronts.front import Front
from parefront.evaluators.trial.evaluator import Evaluator
from parefront.spaces.policy import Policy

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tests.search.synthetic import SyntheticEvaluator


class Sleeping(SyntheticEvaluator):
    """A formula whose candidates take their time."""

    seconds = 0.0

    def join(self, artifacts: Path, measured: Candidate) -> None:
        """It needs nothing of what the search has measured."""

    def evaluate(self, policy: Policy, artifact: Path, rivals: Front | None = None) -> Candidate:
        time.sleep(self.seconds)
        return super().evaluate(policy, artifact, rivals)


@dataclass(frozen=True)
class JoinSleeping:
    seconds: float

    def __call__(self, open_device: OpenDevice, folder: Path) -> Evaluator:
        return sleeping(self.seconds)


@dataclass(frozen=True)
class MakeSleeping:
    seconds: float

    def __call__(self, on_phase: Callable[[str], None], open_device: OpenDevice) -> Sleeping:
        return sleeping(self.seconds)


def sleeping(seconds: float) -> Sleeping:
    made = Sleeping()
    made.seconds = seconds
    return made
