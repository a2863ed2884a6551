"""A worker process as the pool sees it: started, spoken to over a pipe, watched, ended."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from typing import Any

from ....spaces.masking import masked_text
from .messages import Setup
from .vitals import Vitals, vitals_of

GRACE_SECONDS = 5.0
"""Between SIGTERM and SIGKILL."""
LAST_LINES = 3
"""Of what a process wrote to stderr, that messages quote."""
_KEPT_BYTES = 4096


class Gone(Exception):
    """The process has ended by itself; the message says how, with its last words."""


class WorkerProcess:
    """One process with a pipe; used by one thread, whose end is the process's, too (Linux).

    It is in a session of its own: a terminal's Ctrl-C does not reach it. Of what it prints the end is kept.

    Args:
        setup: what it starts with.

    Raises:
        OSError: where no process can be started.
    """

    def __init__(self, setup: Setup) -> None:
        ours, theirs = socket.socketpair()
        command = [sys.executable, "-P", "-m", f"{__package__}.worker_main", str(theirs.fileno()), str(os.getpid())]
        threads = {"OMP_NUM_THREADS": str(len(setup.cores))} if setup.cores else {}
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=[theirs.fileno()],
                env={**os.environ, **threads, "PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))},
                start_new_session=True,
                bufsize=0,
            )
        finally:
            theirs.close()
        assert self._process.stdout is not None
        self._printed, self._said = self._process.stdout, bytearray()
        os.set_blocking(self._printed.fileno(), False)
        self._connection = Connection(ours.detach())
        self._writing = threading.Lock()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._connection.fileno(), selectors.EVENT_READ)
        self._selector.register(self._printed.fileno(), selectors.EVENT_READ)
        self.send(sys.path)
        self.send(setup)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def vitals(self) -> Vitals | None:
        """How it fares now; None where it is gone, or the system does not tell."""
        return vitals_of(self.pid)

    def send(self, message: object) -> None:
        """Send a message, from any thread; nothing where the process is gone, which whoever reads finds out."""
        with self._writing, contextlib.suppress(OSError):
            self._connection.send(message)

    def messages(self, seconds: float) -> Iterator[Any]:
        """Those that have come, after waiting for one for so many seconds at most.

        Raises:
            Gone: where the process has ended.
        """
        ready = {key.fd for key, _ in self._selector.select(seconds)}
        if self._printed.fileno() in ready:
            self._listen()
        if self._connection.fileno() in ready:
            try:
                yield self._connection.recv()
            except (EOFError, OSError) as error:
                raise Gone(self._last_words()) from error

    def end(self, grace_seconds: float = GRACE_SECONDS) -> None:
        """SIGTERM, and SIGKILL where that has not helped."""
        if self._process.poll() is None:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(grace_seconds)
        self.kill()

    def signal_kill(self) -> None:
        """Send SIGKILL, from any thread: whoever speaks to the process finds that it is gone."""
        with contextlib.suppress(OSError):
            os.kill(self.pid, signal.SIGKILL)

    def kill(self) -> None:
        """End it at once."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._selector.close()
        self._connection.close()
        self._printed.close()

    def _listen(self) -> bool:
        """Read what it has printed; whether there may be more."""
        try:
            chunk = os.read(self._printed.fileno(), 1 << 16)
        except BlockingIOError:
            return False
        self._said += chunk
        del self._said[:-_KEPT_BYTES]
        if not chunk and self._printed.fileno() in self._selector.get_map():
            self._selector.unregister(self._printed.fileno())
        return bool(chunk)

    def _last_words(self) -> str:
        """How it ended, and the last lines that it printed."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(GRACE_SECONDS)
        deadline = time.monotonic() + 1.0
        while time.monotonic() < deadline and self._listen():
            pass
        lines = [line for line in self._said.decode(errors="replace").splitlines() if line.strip()][-LAST_LINES:]
        said = f"; its last words: {masked_text(' | '.join(line.strip() for line in lines))[:500]}" if lines else ""
        return f"{how_it_ended(self._process.poll())}{said}"


def how_it_ended(code: int | None) -> str:
    """``ended with SIGSEGV``, ``ended with status 3``."""
    if code is None:
        return "closed its pipe"
    if code >= 0:
        return f"ended with status {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    hint = ", as the system does where memory is short" if name == "SIGKILL" else ""
    return f"was ended by {name}{hint}"
