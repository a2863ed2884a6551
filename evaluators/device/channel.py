"""A worker process and the framed requests and answers that go over its stdin and stdout, each with a deadline."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import os
import selectors
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from typing import IO, Any

from ...spaces.masking import masked_text
from . import worker
from .errors import AnswerMalformed, DeviceError, DeviceUnreachable, WorkerDied
from .frames import Frames, served
from .liveness import LOOK_SECONDS, STARVED_TIMES, Patience, Process

_CHUNK = 1 << 16
_STDERR_TAIL_BYTES = 4096
_SILENCE_SECONDS = 15 * worker.BEAT_SECONDS
_MAY_BE_SILENT = frozenset({"load", "memory", "operators"})
"""Requests that create sessions: the runtime holds the interpreter's lock meanwhile, and some compile for minutes."""


class Channel:
    """One process, spoken to by one thread at a time.

    Starting it raises `DeviceUnreachable` where there is no such program. `preamble` is sent before the first frame.
    `computes` says that the process is the worker itself, and not what leads to it. POSIX only: the pipes are waited
    for with selectors.
    """

    def __init__(self, command: Sequence[str], preamble: bytes = b"", computes: bool = False) -> None:
        try:
            with _deaf_to_the_terminal():
                self._process = subprocess.Popen(
                    command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
                )
        except OSError as error:
            raise DeviceUnreachable(
                f"cannot start {masked_text(repr(command[0]))}: {error.strerror or error}"
            ) from error
        self._watched = Process(self._process.pid, computes)
        self._stdin, self._stdout, self._stderr = (_pipe(self._process, name) for name in ("stdin", "stdout", "stderr"))
        os.set_blocking(self._stdin.fileno(), False)
        self._ids = itertools.count(1)
        self._unsent, self._said = preamble, bytearray()
        self._frames, self._answered = Frames(), False

    def request(self, fields: Mapping[str, Any], payload: bytes = b"", *, seconds: float) -> dict[str, Any]:
        """Send one request and return its answer.

        Raises `RequestRefused` with the worker's own words, `AnswerMalformed` where it says neither yes nor no,
        `WorkerDied` where it ended, its stream is broken or it gave no sign of life for half a minute (a cut cable is
        not told otherwise), and `DeviceError` after `seconds` without an answer; the message says what the process was
        doing. After the last three the process is gone. The first answer, and those for which sessions are created,
        may take all of their `seconds` in silence. Time for which the process is stopped does not count; a worker on
        this machine that gets hardly any processor has up to four times as long. It ends by itself soon after that.
        """
        request_id = next(self._ids)
        ends = seconds * (1 + STARVED_TIMES if self._watched.computes else 1)
        header: dict[str, Any] = {
            **fields, "version": worker.VERSION, "id": request_id, "seconds": seconds, "ends_seconds": ends,
        }  # fmt: skip
        if payload:
            header |= {"payload_bytes": len(payload), "payload_sha256": hashlib.sha256(payload).hexdigest()}
        body = json.dumps(header).encode()
        frame = self._unsent + worker.PREFIX.pack(worker.MAGIC, len(body)) + body
        self._unsent = b""
        try:
            silence = _SILENCE_SECONDS if self._answered and fields["op"] not in _MAY_BE_SILENT else float("inf")
            patience = Patience(self._watched, seconds, silence)
            answer = self._exchange([frame, payload], patience)
        except TimeoutError:
            found = patience.found()
            self.kill()
            late = f"no answer to {fields.get('op')!r} within {seconds:.0f} s"
            raise DeviceError(f"{late}: {found}{self._last_words()}") from None
        except BaseException:  # an interrupted exchange would leave its answer to the next request
            self.kill()
            raise
        self._answered = True
        try:
            return served(answer, request_id)
        except (WorkerDied, AnswerMalformed):
            self.kill()
            raise

    def close(self) -> None:
        """Let the worker end by itself (its stdin ends), and kill it where it does not within two seconds."""
        with contextlib.suppress(OSError):
            self._stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(2)
        self.kill()

    @property
    def closed(self) -> bool:
        """Whether the process was ended by us; one that ended by itself is found out by the next request."""
        return self._stdin.closed

    def kill(self) -> None:
        """End the process, after a moment in which it may clear up after itself."""
        if self._process.poll() is None:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(0.5)
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        for pipe in (self._stdin, self._stdout, self._stderr):
            with contextlib.suppress(OSError):
                pipe.close()

    def _exchange(self, frame: Sequence[bytes], patience: Patience) -> dict[str, Any]:
        outgoing = [memoryview(part) for part in frame if part]
        with selectors.DefaultSelector() as selector:
            selector.register(self._stdin, selectors.EVENT_WRITE)
            selector.register(self._stdout, selectors.EVENT_READ)
            selector.register(self._stderr, selectors.EVENT_READ)
            while True:
                patience.look()
                left = patience.left()
                if left <= 0 and not patience.extended():
                    if not patience.silent:
                        raise TimeoutError
                    silence = f"no sign of life for {patience.silence:.0f} s"
                    raise WorkerDied(f"{silence}: {patience.found()}{self._last_words()}")
                events = selector.select(max(0.0, min(left, LOOK_SECONDS)))
                if events:
                    patience.heard()
                for key, _ in events:
                    if key.fileobj is self._stdin:
                        outgoing = self._send(outgoing)
                        if not outgoing:
                            selector.unregister(self._stdin)
                    elif key.fileobj is self._stderr:
                        if not self._listen():
                            selector.unregister(self._stderr)
                    elif (answer := self._read()) is not None:
                        return answer

    def _send(self, outgoing: list[memoryview]) -> list[memoryview]:
        """What is left to send; nothing where the worker reads no more, for it may have said why before it ended."""
        first, *others = outgoing
        try:
            left = first[os.write(self._stdin.fileno(), first[:_CHUNK]) :]
        except BlockingIOError:
            return outgoing
        except OSError:
            return []
        return [left, *others] if left else others

    def _read(self) -> dict[str, Any] | None:
        chunk = os.read(self._stdout.fileno(), _CHUNK)
        if not chunk:
            raise self._death()
        try:
            return self._frames.feed(chunk)
        except WorkerDied as died:
            raise WorkerDied(f"{died}{self._last_words()}") from died

    def _listen(self) -> bool:
        chunk = os.read(self._stderr.fileno(), _CHUNK)
        self._said += chunk
        del self._said[:-_STDERR_TAIL_BYTES]
        return bool(chunk)

    def _death(self) -> WorkerDied:
        """The error that tells how the process ended, with the last line that it wrote to stderr."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(2)
        os.set_blocking(self._stderr.fileno(), False)
        with contextlib.suppress(BlockingIOError):
            while self._listen():
                pass
        status = self._process.poll()
        how = f"signal {-status}" if status is not None and status < 0 else f"status {status}"
        return WorkerDied(f"the worker ended with {how}{self._last_words()}")

    def _last_words(self) -> str:
        lines = self._said.decode(errors="replace").strip().splitlines()
        return f"; its last words: {masked_text(lines[-1])[:300]}" if lines else ""


@contextlib.contextmanager
def _deaf_to_the_terminal() -> Iterator[None]:
    """Let what is started inside not hear Ctrl-C and the end of the terminal, which go to all of its programs.

    They are for this program: the measurement under way is finished, and the worker ends when its stdin does. A mask of
    signals is inherited, and no code of ours runs in the new process.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _pipe(process: subprocess.Popen[bytes], name: str) -> IO[bytes]:
    pipe: IO[bytes] | None = getattr(process, name)
    if pipe is None:
        raise DeviceError(f"the worker has no {name}")
    return pipe
