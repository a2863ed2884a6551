"""What worker processes evaluate with in these tests: a formula, and ways in which an evaluation may go wrong."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from parefront.evaluators.device.link import OpenDevice
from parefront.evaluators.results.candidate import Candidate
from parefront.evaluators.results.fronts.front import Front
from parefront.spaces.errors import Infeasible, TaskError
from parefront.spaces.policy import Policy

from ....waiting import until
from ...synthetic import SyntheticEvaluator

if TYPE_CHECKING:
    from ...building import BuildingEvaluator


class OfTheTask(Exception):
    """An error whose class only the worker process knows."""


class Formula(SyntheticEvaluator):
    """Evaluates in a worker process; ``note`` leaves a file that says which process was at which policy."""

    def join(self, artifacts: Path, measured: Candidate) -> None:
        if not (artifacts / "anchors.json").is_file():
            raise TaskError("the anchors were not copied")

    def evaluate(self, policy: Policy, artifact: Path, rivals: Front | None = None) -> Candidate:
        (artifact.parent / f"{policy.digest}.at.{os.getpid()}").touch()
        return super().evaluate(policy, artifact, rivals)

    def close(self) -> None:
        """There is nothing to close."""


def formula(on_phase: Callable[[str], None], open_device: OpenDevice) -> Formula:
    on_phase("making the formula")
    return Formula(blocks=3)


class Meeting(Formula):
    """Goes on once two processes evaluate, so that neither does all."""

    def evaluate(self, policy: Policy, artifact: Path, rivals: Front | None = None) -> Candidate:
        made = super().evaluate(policy, artifact, rivals)
        until(lambda: len({mark.suffix for mark in artifact.parent.glob("*.at.*")}) > 1)
        return made


def meeting(on_phase: Callable[[str], None], open_device: OpenDevice) -> Meeting:
    return Meeting(blocks=3)


def building(on_phase: Callable[[str], None], open_device: OpenDevice) -> BuildingEvaluator:
    from ...building import BuildingEvaluator  # loads torch, which formulas do without

    return BuildingEvaluator()


def unmakeable(on_phase: Callable[[str], None], open_device: OpenDevice) -> Formula:
    raise TaskError("task.model: no such thing")


def dying_at_start(on_phase: Callable[[str], None], open_device: OpenDevice) -> Formula:
    print("cannot find the floor", file=sys.stderr, flush=True)
    os._exit(3)


class Growing(Formula):
    """Takes memory, up to 3 GB in ten seconds, for some policies."""

    def evaluate(self, policy: Policy, artifact: Path, rivals: Front | None = None) -> Candidate:
        kept = []
        for _ in range(100 if policy.of("prune_channels") else 0):
            kept.append(np.ones(2**22))  # 32 MB, written to
            time.sleep(0.1)
        return super().evaluate(policy, artifact, rivals)


def growing(on_phase: Callable[[str], None], open_device: OpenDevice) -> Growing:
    return Growing(blocks=1)


class Faulty(Formula):
    """Does what the first choice of ``prune_channels/block0.conv1`` says; see :data:`FAULTS`."""

    def evaluate(self, policy: Policy, artifact: Path, rivals: Front | None = None) -> Candidate:
        made = super().evaluate(policy, artifact, rivals)
        FAULTS[policy.get("prune_channels/block0.conv1", 0.0)](artifact)
        return made


def faulty(on_phase: Callable[[str], None], open_device: OpenDevice) -> Faulty:
    return Faulty(blocks=1)


def _well(artifact: Path) -> None:
    pass


def _raises(artifact: Path) -> None:
    raise OfTheTask("the moon is full")


def _is_infeasible(artifact: Path) -> None:
    raise Infeasible("no width")


def _exits(artifact: Path) -> None:
    sys.exit(7)


def _segfaults_once(artifact: Path) -> None:
    if len(list(artifact.parent.glob(f"{artifact.stem}.at.*"))) == 1:
        os.kill(os.getpid(), signal.SIGSEGV)


def _segfaults(artifact: Path) -> None:
    print("a wild pointer", file=sys.stderr, flush=True)
    os.kill(os.getpid(), signal.SIGSEGV)


def _hangs(artifact: Path) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(3600)


FAULTS: dict[object, Callable[[Path], None]] = {
    0.0: _well,
    0.125: _raises,
    0.25: _is_infeasible,
    0.375: _exits,
    0.5: _segfaults_once,
    0.625: _segfaults,
    0.75: _hangs,
}
