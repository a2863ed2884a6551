"""Evaluators that workers of a cluster make, for tests."""

from __future__ import annotations

import errno
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from parefront.evaluators.device.link import OpenDevice
from parefront.evaluators.results.candidate import Candidate
from parefront.evaluators.results.fronts.front import Front
from parefront.evaluators.trial.evaluator import Evaluator
from parefront.spaces.policy import Policy

from ...synthetic import SyntheticEvaluator

if TYPE_CHECKING:
    from ...building import BuildingEvaluator


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


class OnFullDisk(SyntheticEvaluator):
    """Cannot write its first candidate."""

    def on(self, mark: Path) -> OnFullDisk:
        """The same, with a file that says that this has happened."""
        self._mark = mark
        return self

    def evaluate(self, policy: Policy, artifact: Path, rivals: Front | None = None) -> Candidate:
        if not self._mark.exists():
            self._mark.touch()
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().evaluate(policy, artifact, rivals)


@dataclass(frozen=True)
class JoinFullDisk:
    """Makes an evaluator whose disk is full once, and leaves a mark then."""

    mark: Path

    def __call__(self, open_device: OpenDevice, folder: Path) -> Evaluator:
        return OnFullDisk().on(self.mark)


def join_building(open_device: OpenDevice, folder: Path) -> BuildingEvaluator:
    from ...building import BuildingEvaluator  # loads torch, which formulas do without

    return BuildingEvaluator()


def join_nothing(open_device: OpenDevice, folder: Path) -> Evaluator:
    """As on a node that lacks a package."""
    raise ModuleNotFoundError("nothing there")
