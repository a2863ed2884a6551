"""Evaluators that workers of a cluster make, for tests."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from parefront.evaluators.device.link import OpenDevice
from parefront.evaluators.results.candidate import Candidate
from parefront.evaluators.results.front import Front
from parefront.evaluators.trial.evaluator import Evaluator
from parefront.spaces.policy import Policy

from ...building import BuildingEvaluator
from ...synthetic import SyntheticEvaluator


class Slow(SyntheticEvaluator):
    """Takes its time."""

    seconds = 0.0

    def evaluate(self, policy: Policy, artifact: Path, rivals: Front | None = None) -> Candidate:
        time.sleep(self.seconds)
        return super().evaluate(policy, artifact, rivals)


@dataclass(frozen=True)
class JoinSynthetic:
    """Makes the evaluator of a formula, whose candidates take so many seconds."""

    seconds: float = 0.0

    def __call__(self, open_device: OpenDevice, folder: Path) -> Evaluator:
        made = Slow()
        made.seconds = self.seconds
        return made


def join_building(open_device: OpenDevice, folder: Path) -> BuildingEvaluator:
    return BuildingEvaluator()


def join_nothing(open_device: OpenDevice, folder: Path) -> Evaluator:
    """As on a node that lacks a package."""
    raise ModuleNotFoundError("nothing there")
