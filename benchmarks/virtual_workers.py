"""Workers that do nothing on a clock of their own, so that an hour of 256 of them passes in minutes.

The loop of a search runs as it is. What it takes of the processor is added to the virtual clock, and whenever it waits
for a result, the clock goes on to the moment at which the next evaluation ends. Evaluations themselves take no
processor time of that clock: they run on other machines.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path

import numpy as np

from parefront.evaluators.results.candidate import Candidate
from parefront.evaluators.results.fronts.front import Front
from parefront.evaluators.trial.evaluator import Evaluator
from parefront.spaces.policy import Policy

Work = tuple[float, int, Future[Candidate], Policy, Path, Front]


class Failure(Exception):
    """A simulated evaluation that fails."""


class VirtualWorkers:
    """An executor (see ``parefront.search.executors.executor``) of ``workers`` that are simulated.

    Attributes:
        now: seconds of the virtual clock.
        charged: seconds of it that the loop took.

    Args:
        evaluator: whose formula says what is measured.
        workers: how many.
        seconds: that an evaluation takes on the average; log-normal, so that a few take ten times as long.
        spread: standard deviation of the logarithm of the seconds.
        failing: share of evaluations that fail.
        seed: of chance.
        clock: what the loop takes is read from; of the processor by default.
    """

    ordered = False

    def __init__(
        self,
        evaluator: Evaluator,
        workers: int,
        seconds: float,
        spread: float = 0.8,
        failing: float = 0.01,
        seed: int = 0,
        clock: Callable[[], float] = time.process_time,
    ) -> None:
        self.workers = workers
        self.now = self.charged = 0.0
        self._evaluator, self._clock = evaluator, clock
        self._mean, self._spread, self._failing = seconds, spread, failing
        self._random = np.random.default_rng(seed)
        self._under_way: list[Work] = []
        self._submitted = 0
        self._full_since = 0.0
        self._spans: list[tuple[float, float]] = []
        self._last_submit = 0.0
        self._looked = clock()

    def submit(self, policy: Policy, artifact: Path, rivals: Front) -> Future[Candidate]:
        self._charge()
        seconds = self._mean * float(np.exp(self._random.normal(-(self._spread**2) / 2, self._spread)))
        future: Future[Candidate] = Future()
        heapq.heappush(self._under_way, (self.now + seconds, self._submitted, future, policy, artifact, rivals))
        self._spans.append((self.now, self.now + seconds))
        self._submitted += 1
        if len(self._under_way) == self.workers and not self._full_since:
            self._full_since = self.now
        self._last_submit = self.now
        self._complete()
        return future

    def wait(self, futures: Sequence[Future[Candidate]]) -> None:
        self._charge()
        if self._under_way and not any(future.done() for future in futures):
            self.now = max(self.now, self._under_way[0][0])
        self._complete()

    def close(self) -> None:
        self._under_way.clear()

    @property
    def steady(self) -> float:
        """The workers' utilisation while there was enough to do: the share of the time that they worked, from the
        moment at which all had work for the first time to the last at which work was handed out."""
        begin, end = self._full_since, self._last_submit
        worked = sum(max(0.0, min(until, end) - max(since, begin)) for since, until in self._spans)
        return worked / (self.workers * max(1e-9, end - begin))

    def _charge(self) -> None:
        """What the loop took since the last look passes on the virtual clock, too."""
        seconds = self._clock() - self._looked
        self.charged += seconds
        self.now += seconds
        self._complete()

    def _complete(self) -> None:
        while self._under_way and self._under_way[0][0] <= self.now:
            _, _, future, policy, artifact, rivals = heapq.heappop(self._under_way)
            if self._random.random() < self._failing:
                future.set_exception(Failure("simulated"))
            else:
                future.set_result(self._evaluator.evaluate(policy, artifact, rivals))
        self._looked = self._clock()
