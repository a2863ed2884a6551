"""One process at a time on this host measures on a given device: a file lock that dies with its owner.

What merely works on a device, such as the accuracy runs of another search, holds the lock too, but shares it: it pauses
while somebody measures there, and the measurement waits until the step under way is done. A second lock, the gate, lets
a measurement that waits go before the next step: all pass it to get at the lock, and a measurement keeps it meanwhile.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from .errors import DeviceUnreachable

THIS_MACHINE = "this machine"
"""The name of the device that this program itself runs on."""
BUSY_SECONDS = 600.0
"""For which others may keep a device before whoever waits for it gives up."""
_GATE = " gate"


def exclusive(name: str, *, seconds: float = BUSY_SECONDS) -> contextlib.AbstractContextManager[None]:
    """Hold the lock called `name`, after waiting for it; `DeviceUnreachable` where others hold it for `seconds`.

    Threads of one process exclude each other, too. The empty file in the temporary folder is left behind: removing
    it would let two processes hold locks of the same name.
    """
    return _both(name, seconds)


@contextlib.contextmanager
def _both(name: str, seconds: float) -> Iterator[None]:
    with _held(name, fcntl.LOCK_EX, seconds, _GATE), _held(name, fcntl.LOCK_EX, seconds):
        yield


@contextlib.contextmanager
def shared(name: str, *, seconds: float = BUSY_SECONDS) -> Iterator[None]:
    """As `exclusive`, beside others that share it: for work on the device while which nobody must measure.

    Not to be nested: a measurement that waits in between would wait for the outer one, and the inner one for it.
    """
    with contextlib.ExitStack() as held:
        with _held(name, fcntl.LOCK_EX, seconds, _GATE):
            held.enter_context(_held(name, fcntl.LOCK_SH, seconds))
        yield


@contextlib.contextmanager
def _held(name: str, kind: int, seconds: float, part: str = "") -> Iterator[None]:
    path = _lock_path(name + part)
    descriptor = _open(path)
    try:
        deadline = time.monotonic() + seconds
        while True:
            try:
                fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise DeviceUnreachable(
                        f"others have been measuring on {name} for {seconds:.0f} s; see who holds {path}"
                    ) from None
                time.sleep(0.005)
        yield
    finally:
        # Not by closing alone: a process that was forked meanwhile holds the descriptor, too.
        fcntl.flock(descriptor, fcntl.LOCK_UN)
        os.close(descriptor)


def _lock_path(name: str) -> Path:
    return Path(tempfile.gettempdir()) / f"parefront-{hashlib.sha256(name.encode()).hexdigest()[:16]}.lock"


def _open(path: Path) -> int:
    """A descriptor for locking, which needs no right to write, so that users of one machine share the file."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK  # a pipe of that name would block
    try:
        with contextlib.suppress(FileNotFoundError):
            return os.open(path, flags)
        created = os.open(path, flags | os.O_CREAT, 0o644)
        os.fchmod(created, 0o644)  # whatever the umask
        return created
    except OSError as error:
        raise DeviceUnreachable(f"cannot open the lock {path}: {error.strerror}") from error
