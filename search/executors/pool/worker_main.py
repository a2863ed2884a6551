"""What runs in a worker process: makes an evaluator, and evaluates what comes over the pipe until that ends."""

from __future__ import annotations

import ctypes
import itertools
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from multiprocessing.connection import Connection
from queue import SimpleQueue
from typing import Any

from ....evaluators.device.device_options import DeviceOptions
from ....evaluators.device.link import DeviceLink
from ....evaluators.device.lock import THIS_MACHINE, shared
from ....evaluators.device.remote.remote_device import RemoteDevice
from ....evaluators.device.remote.request import Reply, Request
from ..errors import SentError
from .messages import Answer, JoiningEvaluator, Question, Ready, Result, Setup, Task

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Serve the pipe whose descriptor and whose owner's process are the arguments of the command."""
    descriptor, parent = map(int, sys.argv[1:3])
    _end_with(parent)
    wire = Wire(Connection(descriptor))
    try:
        setup = wire.setup()
        _keep_to(setup.cores)
        evaluator = _ready(setup, wire)
        wire.send(Ready())
    except BaseException as error:
        wire.send(Result(SentError(error, traceback.format_exc())))
        return
    for task in wire.tasks():
        try:
            wire.send(Result(evaluator.evaluate(task.policy, task.artifact, task.rivals)))
        except BaseException as error:  # whatever it is: a task that exits has failed, as one that raises
            wire.send(Result(SentError(error, traceback.format_exc())))


class Wire:
    """The worker's end of the pipe: a thread reads it, any thread may write."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._writing = threading.Lock()
        self._numbers = itertools.count()
        self._asked: dict[int, Future[Reply]] = {}
        self._tasks: SimpleQueue[Task] = SimpleQueue()

    def setup(self) -> Setup:
        """What the worker starts with; then the pipe is read in a thread."""
        sys.path[:] = self._connection.recv()  # first, so that what the rest consists of is found
        setup = self._connection.recv()
        assert isinstance(setup, Setup)
        threading.Thread(target=self._read, name="parefront-pipe", daemon=True).start()
        return setup

    def tasks(self) -> Iterator[Task]:
        """The tasks, as they come."""
        while True:
            yield self._tasks.get()

    def send(self, message: object) -> None:
        with self._writing:
            self._connection.send(message)

    def ask(self, request: Request) -> Reply:
        """Ask the owner of the devices, and raise what it raises."""
        number, answer = next(self._numbers), Future[Reply]()
        self._asked[number] = answer
        self.send(Question(number, request))
        return answer.result()

    def open_device(self, name: str, options: DeviceOptions) -> DeviceLink:
        """The way to a device of the owner's."""
        return RemoteDevice(name, options, self.ask)

    def _read(self) -> None:
        while True:
            try:
                message: Any = self._connection.recv()
            except (EOFError, OSError):
                os._exit(0)  # the pool is gone, whatever goes on here
            if isinstance(message, Task):
                self._tasks.put(message)
            elif isinstance(message, Answer):
                answer = self._asked.pop(message.number)
                if isinstance(message.content, SentError):
                    answer.set_exception(message.content.restored())
                else:
                    answer.set_result(message.content)


def _ready(setup: Setup, wire: Wire) -> JoiningEvaluator:
    """The evaluator, made in turns with others' measurements: every phase waits for those that want to begin."""
    with _in_phases() as on_phase:
        evaluator = setup.make(on_phase, wire.open_device)
    evaluator.join(setup.folder, setup.baseline)
    return evaluator


@contextmanager
def _in_phases() -> Iterator[Callable[[str], None]]:
    """A function to be told of phases: while one goes on, nobody measures on this machine.

    Told of phases later, it does nothing.
    """
    with ExitStack() as held:
        held.enter_context(shared(THIS_MACHINE))

        def on_phase(name: str) -> None:
            if making:
                held.pop_all().close()
                held.enter_context(shared(THIS_MACHINE))

        making = True
        try:
            yield on_phase
        finally:
            making = False


def _keep_to(cores: tuple[int, ...]) -> None:
    """Use these cores; PyTorch uses as many threads, as the process was started with ``OMP_NUM_THREADS``."""
    if cores:
        os.sched_setaffinity(0, cores)


def _end_with(parent: int) -> None:
    """Let the system end this process with its parent, stopped or not; Linux only, elsewhere the pipe tells."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C is for the search to act on
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(0)


if __name__ == "__main__":
    main()
