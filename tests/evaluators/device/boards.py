"""Like devices whose readings are a formula, for tests of what is done with several of them."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parefront.evaluators.device.device import Shapes
from parefront.evaluators.device.device_options import DeviceOptions
from parefront.evaluators.device.device_profile import DeviceProfile
from parefront.evaluators.device.errors import DeviceUnreachable
from parefront.evaluators.device.outputs import Arrays
from parefront.evaluators.device.profiled_run import ProfiledRun
from parefront.evaluators.device.timing import Block, Timing
from parefront.evaluators.results.measurement import Measurement
from parefront.evaluators.results.span import READING, Span

PROFILE = DeviceProfile(
    "Cortex-A72", ("asimd",), "aarch64", "Linux 6.6", 4, 4 << 30, "3.11", "2.0", "1.20",
    ("CPUExecutionProvider",), "performance", 1800.0, 50.0, 0.1, 1,
)  # fmt: skip


class Board:
    """A ``DeviceLink`` on which every model takes ``ms`` milliseconds, give or take half a per cent.

    Args:
        name: it is reached by ``ssh NAME``.
        ms: milliseconds of a run.
        barrier: that a reading waits at, until so many boards are read at once.
        threads: of the runtime.
        cpu: as its profile tells it.
    """

    def __init__(
        self,
        name: str,
        ms: float = 10.0,
        barrier: threading.Barrier | None = None,
        threads: int = 1,
        cpu: str = PROFILE.cpu,
    ) -> None:
        self.options = DeviceOptions(command=("ssh", name), threads=threads)
        self.ms, self.cpu, self._barrier = ms, cpu, barrier
        self.failure: Exception | None = None
        self.readings = 0
        self._alone = threading.Lock()
        self._spans: list[Span] = []

    @property
    def name(self) -> str:
        return self.options.name

    def lose(self) -> None:
        self.failure = DeviceUnreachable(f"cannot reach {self.name}: no route to host")

    @property
    def profile(self) -> DeviceProfile:
        if self.failure is not None:
            raise self.failure
        return replace(PROFILE, cpu=self.cpu)

    def time(
        self, candidate: Path, reference: Path, protocol: Mapping[str, float], shapes: Shapes | None = None
    ) -> Timing:
        assert self._alone.acquire(blocking=False), "two readings at a time"
        try:
            if self.failure is not None:
                raise self.failure
            began = time.time()
            if self._barrier is not None:
                self._barrier.wait(60)
            self.readings += 1
            self._spans.append(Span(READING, began, time.time(), self.name))
            blocks = tuple(self._block(factor) for factor in (0.995, 0.997, 0.999, 1.0, 1.001, 1.003, 1.005))
            return Timing(blocks, blocks, 0.1, 0.0, 0.0, True)
        finally:
            self._alone.release()

    time_anchor = time

    def operators(
        self, candidate: Path, reference: Path, shapes: Shapes | None = None, rounds: int = 8, batch: int = 1
    ) -> tuple[ProfiledRun, ProfiledRun]:
        raise NotImplementedError

    def memory(self, artifact: Path, shapes: Shapes | None = None, repeats: int = 3, batch: int = 1) -> Measurement:
        raise NotImplementedError

    def outputs(self, artifact: Path, feeds: Arrays) -> dict[str, NDArray[Any]]:
        raise NotImplementedError

    def prefer(self, rank: int) -> None:
        pass

    def take_readings(self) -> tuple[Span, ...]:
        taken, self._spans = tuple(self._spans), []
        return taken

    def close(self) -> None:
        pass

    def _block(self, factor: float) -> Block:
        runs = np.full(3, round(factor * self.ms * 1e6), np.int64)
        return Block(runs, runs, np.ones(3, bool))
