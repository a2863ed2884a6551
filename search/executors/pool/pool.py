"""The pool: as many evaluations at once as there are workers, each in a process of its own."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

from ....evaluators.device.remote.owner import DeviceOwner
from ....evaluators.results.candidate import Candidate
from ....evaluators.results.fronts.front import Front
from ....evaluators.trial.shared_files import shared_files
from ....spaces.cores import own_cores
from ....spaces.policy import Policy
from ...runs.run_folder import WORKERS
from ..executor import wait_for_any
from .cores import cores_of_workers
from .limits import Limits
from .messages import MakeEvaluator, Setup, Task
from .vitals import machine_memory
from .worker import Job, Shared, Worker

MEMORY_SHARE = 0.9
"""Of the machine's memory, that all workers together may take."""


@dataclass(frozen=True)
class PoolOptions:
    """How a pool works.

    Attributes:
        workers: processes, one or more.
        ordered: whether results are taken in the order of asking, as ``Executor.ordered`` says.
        deadline_seconds: of an evaluation; by default twenty times the longest so far, but ten minutes at least.
        memory_bytes: that a worker may take; by default its share of nine tenths of the machine's.
        device_threads: of the devices on this machine, which are left cores where these are plenty.
    """

    workers: int = 2
    ordered: bool = False
    deadline_seconds: float | None = None
    memory_bytes: int | None = None
    device_threads: int = 1


class PoolExecutor:
    """Evaluates in processes on this machine, which start with the first policy.

    Args:
        make: makes a worker's evaluator; picklable.
        owner: of the devices, left open.
        options: how many workers, and what each may take.
        tell: told in a line what goes on: workers are started, ready, stopped, replaced; called from several threads.
    """

    def __init__(
        self,
        make: MakeEvaluator,
        owner: DeviceOwner,
        options: PoolOptions,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.workers, self.ordered = options.workers, options.ordered
        self._make, self._options = make, options
        memory = options.memory_bytes or MEMORY_SHARE * machine_memory() / options.workers
        limits = Limits(memory, options.deadline_seconds)
        self._shared = Shared(SimpleQueue(), owner, limits, threading.Event(), tell, self._is_ready)
        self._getting_ready: set[str] = set()
        self._started = 0.0
        self._workers: list[Worker] = []
        self._futures: list[Future[Candidate]] = []
        self._folder: Path | None = None

    def submit(self, policy: Policy, artifact: Path, rivals: Front) -> Future[Candidate]:
        """As :meth:`Executor.submit`. The first one starts the workers, with the front's uncompressed model."""
        if not self._workers:
            self._start(artifact.parent, rivals.baseline)
        future = Future[Candidate]()
        self._futures = [known for known in self._futures if not known.done()] + [future]
        self._shared.jobs.put(Job(Task(policy, artifact, rivals), future))
        return future

    def wait(self, futures: Sequence[Future[Candidate]]) -> None:
        wait_for_any(futures)

    def close(self) -> None:
        """End the processes; what they were at is given up."""
        self._shared.closing.set()
        for worker in self._workers:
            worker.join()
        for future in self._futures:
            future.cancel()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def pids(self) -> list[int]:
        """Of the processes that there are."""
        return [worker.pid for worker in self._workers if worker.pid is not None]

    def _start(self, artifacts: Path, baseline: Candidate) -> None:
        self._folder = artifacts.parent / WORKERS
        self._shared.tell(f"starting {self._counted}")
        self._started = time.monotonic()
        cores = cores_of_workers(own_cores(), self.workers, self._options.device_threads)
        for index in range(self.workers):
            folder = self._folder / str(index + 1)
            folder.mkdir(parents=True)
            for file in shared_files(artifacts):
                shutil.copy(file, folder)
            setup = Setup(self._make, folder, baseline, cores[index])
            self._workers.append(Worker(f"worker {index + 1}", setup, self._shared))
        self._getting_ready = {worker.name for worker in self._workers}
        for worker in self._workers:
            worker.start()

    def _is_ready(self, worker: Worker) -> None:
        """Say so once all are, the first time."""
        if worker.name in self._getting_ready:
            self._getting_ready.discard(worker.name)
            if not self._getting_ready:
                ready = "is ready" if self.workers == 1 else "are ready"
                self._shared.tell(f"{self._counted} {ready} after {time.monotonic() - self._started:.1f} s")

    @property
    def _counted(self) -> str:
        return f"{self.workers} {'worker' if self.workers == 1 else 'workers'}"
