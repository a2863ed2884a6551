"""An evaluator whose candidates are read on a device, and devices on this machine that can be lost, for tests."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from parefront.evaluators.device.device_options import DeviceOptions
from parefront.evaluators.device.latency import LatencyProtocol, measure, measure_anchor
from parefront.evaluators.device.link import OpenDevice
from parefront.evaluators.results.candidate import Candidate
from parefront.evaluators.results.fronts.front import Front
from parefront.evaluators.results.span import Span
from parefront.evaluators.trial.evaluator import Evaluator
from parefront.evaluators.trial.timing.clock import Clock
from parefront.spaces.policy import Policy

from ....waiting import until
from ...synthetic import SyntheticEvaluator

QUICK = LatencyProtocol(min_samples=8, min_seconds=0.05, max_seconds=0.15, warmup_seconds=0.02)
ACCURACY_SECONDS = 0.1
UNIT = """
import os, subprocess, sys, time

STEADY = '''
import itertools, time

walls, spent = itertools.count(1), itertools.count(1)

def wall():
    time.sleep(0.0003)
    return next(walls)

time.perf_counter = lambda: wall() * 1e-3
time.perf_counter_ns = lambda: wall() * 1_000_000
time.thread_time_ns = lambda: next(spent) * 1_000_000
'''

gone, *command, program = sys.argv[1:]
if os.path.exists(gone):
    sys.exit("no route to host")
worker = subprocess.Popen([*command, STEADY + program])
while worker.poll() is None:
    if os.path.exists(gone):
        worker.kill()
    time.sleep(0.02)
"""
"""The way to a unit; there is none while the file ``gone`` is there. By the clocks of its worker each run takes one
millisecond, however busy the machine is."""


def unit(folder: Path, number: int) -> DeviceOptions:
    """A device on this machine, of which there may be several; lost while ``gone`` is in the folder."""
    folder.mkdir(exist_ok=True)
    script = folder / "unit.py"
    script.write_text(UNIT)
    command = ("env", f"UNIT={number}", sys.executable, str(script), str(folder / "gone"))
    return DeviceOptions(command=command, python=sys.executable)


class Reading(SyntheticEvaluator):
    """Takes a moment for the accuracy of a formula, and then has a model read on the device."""

    def reading(self, model: Path, clock: Clock, meet: Path | None = None) -> Reading:
        """The same, of that model by that clock; where there is a folder to meet in, not before two are there."""
        self._model, self._clock, self._meet = model, clock, meet
        return self

    def baseline(self, artifacts: Path) -> Candidate:
        measure_anchor(self._clock.first, self._model, self._model, QUICK)
        return super().baseline(artifacts)

    def evaluate(self, policy: Policy, artifact: Path, rivals: Front | None = None) -> Candidate:
        self._clock.take_readings()
        began = time.time()
        time.sleep(ACCURACY_SECONDS)
        computed = Span("accuracy", began, time.time(), "worker")
        made = super().evaluate(policy, artifact, rivals)
        if self._meet is not None:
            meet(self._meet)
        measure(self._clock.first, self._model, self._model, QUICK)
        readings = self._clock.take_readings()
        return replace(made, spans=(computed, *readings), units=self._clock.units_in(readings))


def meet(folder: Path) -> None:
    """Wait until two processes are here."""
    (folder / f"{os.getpid()}.here").touch()
    until(lambda: len(list(folder.glob("*.here"))) >= 2)


@dataclass(frozen=True)
class JoinReading:
    """Makes an evaluator that has a model read.

    Attributes:
        devices: by name.
        model: a file that all processes see.
        meet: where two processes wait for each other before their first reading.
    """

    devices: Mapping[str, DeviceOptions]
    model: Path
    meet: Path | None = None

    def __call__(self, open_device: OpenDevice, folder: Path) -> Evaluator:
        return Reading().reading(self.model, Clock(self.devices, QUICK, open_device), self.meet)
