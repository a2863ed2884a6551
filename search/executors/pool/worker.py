"""One worker of the pool: a thread with a process, in which it has one policy after the other evaluated."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from queue import Empty, SimpleQueue

from ....evaluators.device.remote.owner import DeviceOwner
from ....evaluators.device.remote.request import Reply
from ....evaluators.results.candidate import Candidate
from ....evaluators.results.errors import HostFailed
from ..errors import SentError, WorkerKilled
from .limits import Limits, Overrun, Watch
from .messages import Answer, Question, Ready, Result, Setup, Task
from .process import Gone, WorkerProcess

LOOK_SECONDS = 0.2
"""Between looks at a process, and at whether the pool is being closed."""
CLOSING_SECONDS = 5.0
"""In which a process that is sent something takes it, or ends."""
TRIES = 2
"""Processes that may die of an evaluation, or of getting ready, before it has failed."""


@dataclass(frozen=True)
class Job:
    """A task with the future of its candidate."""

    task: Task
    future: Future[Candidate]


@dataclass(frozen=True)
class Shared:
    """What the workers of a pool have in common.

    Attributes:
        jobs: those that wait.
        owner: of the devices.
        limits: of evaluations.
        closing: set where all is to end.
        tell: told what befalls a worker.
        is_ready: told of a worker each time that a process of it waits for its first task.
    """

    jobs: SimpleQueue[Job]
    owner: DeviceOwner
    limits: Limits
    closing: threading.Event
    tell: Callable[[str], None]
    is_ready: Callable[[Worker], None]


class Closed(Exception):
    """The pool is being closed."""


class Worker:
    """Works until the pool is closed; a process that dies is replaced by a fresh one.

    Args:
        name: ``"worker 1"``.
        setup: what its processes start with.
        shared: with the other workers.
    """

    def __init__(self, name: str, setup: Setup, shared: Shared) -> None:
        self.name = name
        self._setup, self._shared = setup, shared
        self._process: WorkerProcess | None = None
        self._ready = threading.Event()
        self._questions: set[int] = set()
        self._thread = threading.Thread(target=self._run, name=f"parefront-{name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def join(self) -> None:
        """Wait until the process has ended, once the pool is being closed; one that does not listen is killed."""
        self._thread.join(CLOSING_SECONDS)
        while self._thread.is_alive():
            if (process := self._process) is not None:
                process.signal_kill()
            self._thread.join(LOOK_SECONDS)

    @property
    def is_ready(self) -> bool:
        """Whether a process waits for tasks, or is at one."""
        return self._ready.is_set()

    @property
    def pid(self) -> int | None:
        """Of its process."""
        process = self._process
        return None if process is None else process.pid

    def _run(self) -> None:
        job: Job | None = None
        with ThreadPoolExecutor(thread_name_prefix=f"parefront-{self.name}-asks") as asking:
            try:
                while True:
                    process = self._ready_process(asking)
                    job = self._next_job(process)
                    if job is not None:
                        self._do(job, asking)
                    job = None
            except Closed:
                pass
            except Exception as error:
                self._fail(job, error)
            finally:
                self._end(grace_seconds=0.5)

    def _next_job(self, process: WorkerProcess) -> Job | None:
        """The job that waited for longest; None where the process dies while it has none."""
        while True:
            self._check_open()
            try:
                return self._shared.jobs.get(timeout=LOOK_SECONDS)
            except Empty:
                try:
                    for _ in process.messages(0):
                        pass
                except Gone as gone:
                    self._tell(f"{gone}; another one takes its place")
                    self._end()
                    return None

    def _do(self, job: Job, asking: ThreadPoolExecutor) -> None:
        """Complete the job's future, whatever comes of it."""
        deaths: list[str] = []
        while len(deaths) < TRIES:
            process = self._ready_process(asking)
            watch = Watch(self._shared.limits, self._tell)
            try:
                process.send(job.task)
                self._complete(job, self._result(process, asking, watch), watch)
                return
            except Overrun as overrun:
                self._end()
                job.future.set_exception(WorkerKilled(str(overrun)))
                return
            except Gone as gone:
                self._end()
                deaths.append(str(gone))
                if len(deaths) < TRIES:
                    self._tell(f"{gone}; its policy is evaluated once more")
        job.future.set_exception(WorkerKilled(f"its process {deaths[-1]}; so did the one before it"))

    def _complete(self, job: Job, result: Result, watch: Watch) -> None:
        if isinstance(result.content, SentError):
            job.future.set_exception(result.content.restored())
            return
        self._shared.limits.longest = max(self._shared.limits.longest, watch.seconds)
        candidate = result.content
        spans = tuple(span if span.place else replace(span, place=self.name) for span in candidate.spans)
        job.future.set_result(replace(candidate, spans=spans))

    def _ready_process(self, asking: ThreadPoolExecutor) -> WorkerProcess:
        """The process, started where there is none.

        Raises:
            HostFailed: where two in a row die while they get ready.
            Exception: as making the evaluator raises it.
        """
        deaths: list[str] = []
        while self._process is None:
            self._process = process = WorkerProcess(self._setup)
            try:
                result = self._result(process, asking, Watch(Limits(self._shared.limits.memory_bytes), self._tell))
                if isinstance(result.content, SentError):
                    raise result.content.restored()
                self._ready.set()
                self._shared.is_ready(self)
            except (Gone, Overrun) as gone:
                self._end()
                deaths.append(str(gone))
                if len(deaths) == TRIES:
                    raise HostFailed(
                        f"{self.name} cannot get ready: its process {gone}; so did the one before it; "
                        "fewer workers take less memory (executor.workers)"
                    ) from gone
        return self._process

    def _result(self, process: WorkerProcess, asking: ThreadPoolExecutor, watch: Watch) -> Result:
        """What the process says at last, its questions answered meanwhile; of getting ready, an empty candidate."""
        self._questions, looked = set(), time.monotonic()
        while True:
            self._check_open()
            for message in process.messages(LOOK_SECONDS):
                match message:
                    case Result():
                        return message
                    case Ready():
                        return Result(self._setup.baseline)
                    case Question():
                        self._questions.add(message.number)
                        asking.submit(self._answer, process, message, self._questions)
            if time.monotonic() - looked >= LOOK_SECONDS:
                looked = time.monotonic()
                watch.look(process.vitals, bool(self._questions))

    def _answer(self, process: WorkerProcess, question: Question, open_questions: set[int]) -> None:
        """Ask the owner of the devices, in a thread of its own."""

        def is_wanted() -> bool:
            return process is self._process and not self._shared.closing.is_set()

        content: Reply | SentError
        try:
            content = self._shared.owner.serve(question.request, is_wanted)
        except Exception as error:
            content = SentError(error, traceback.format_exc())
        finally:
            open_questions.discard(question.number)
        process.send(Answer(question.number, content))

    def _tell(self, what: str) -> None:
        self._shared.tell(f"{self.name} {what}")

    def _check_open(self) -> None:
        if self._shared.closing.is_set():
            raise Closed

    def _end(self, grace_seconds: float | None = None) -> None:
        process, self._process = self._process, None
        self._ready.clear()
        if process is not None:
            process.end() if grace_seconds is None else process.end(grace_seconds)

    def _fail(self, job: Job | None, error: Exception) -> None:
        """No worker can do what this one could not: whatever waits ends as it did."""
        waiting = [job] if job is not None and not job.future.done() else []
        while not self._shared.closing.is_set():
            for failed in waiting:
                failed.future.set_exception(error)
            try:
                waiting = [self._shared.jobs.get(timeout=LOOK_SECONDS)]
            except Empty:
                waiting = []
