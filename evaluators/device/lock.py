"""One process at a time on this host measures on a given device: a file lock that dies with its owner.

What merely works on a device, such as the accuracy runs of another search, holds the lock too, but shares it: it pauses
while somebody measures there, and the measurement waits until the step under way is done. A second lock, the gate, lets
a measurement that waits go before the next step: all pass it to get at the lock, and a measurement keeps it meanwhile.

The files are one user's own, in a folder that nobody else can write into: another user cannot hold them, and so cannot
make a measurement wait. Measurements of several users of one machine exclude each other in the workers: `worker.Turn`.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import logging
import os
import stat
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from ...spaces.masking import masked_command
from .errors import DeviceUnreachable

THIS_MACHINE = "this machine"
"""The name of the device that this program itself runs on."""
BUSY_SECONDS = 600.0
"""For which others may keep a device before whoever waits for it gives up."""
SAY_SECONDS = 2.0
"""After which a wait says whom it waits for."""
SAY_AGAIN_SECONDS = 600.0
_SAID: dict[str, float] = {}
"""When a process has said last whom it waits for, by the message."""
_GATE = " gate"
_THREAD = threading.local()
_LOG = logging.getLogger("parefront")


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

    Inside of another one of the same thread it does nothing: a measurement that waits would wait for the outer one, and
    the inner one for it.
    """
    mine = _shared_here()
    if name in mine:
        yield
        return
    with contextlib.ExitStack() as held:
        with _held(name, fcntl.LOCK_EX, seconds, _GATE):
            held.enter_context(_held(name, fcntl.LOCK_SH, seconds))
        mine.add(name)
        held.callback(mine.discard, name)
        yield


def _shared_here() -> set[str]:
    """The names that this thread shares."""
    if not hasattr(_THREAD, "names"):
        _THREAD.names = set()
    names: set[str] = _THREAD.names
    return names


@contextlib.contextmanager
def _held(name: str, kind: int, seconds: float, part: str = "") -> Iterator[None]:
    path = _lock_path(name + part)
    descriptor = _open(path)
    try:
        began, said = time.monotonic(), False
        while True:
            try:
                fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                waited = time.monotonic() - began
                if waited > seconds:
                    others = f"others have been measuring on {name} for {seconds:.0f} s"
                    raise DeviceUnreachable(f"{others}: {holder_of(descriptor)} holds {path}") from None
                if waited > SAY_SECONDS and not said:
                    said = True
                    _say_once(f"waiting for {holder_of(descriptor)}, which measures on {name}")
                time.sleep(0.005)
        yield
    finally:
        # Not by closing alone: a process that was forked meanwhile holds the descriptor, too.
        fcntl.flock(descriptor, fcntl.LOCK_UN)
        os.close(descriptor)


def _say_once(message: str) -> None:
    """Once in ten minutes: a search waits before every reading while another one measures."""
    now = time.monotonic()
    if now - _SAID.get(message, -SAY_AGAIN_SECONDS) >= SAY_AGAIN_SECONDS:
        _SAID[message] = now
        _LOG.warning("%s", message)


def holder_of(descriptor: int) -> str:
    """Who holds the lock on an open file: ``"process 123 (python -m parefront …)"``, as far as the system tells."""
    inode = os.fstat(descriptor).st_ino
    with contextlib.suppress(OSError):
        for line in Path("/proc/locks").read_text().splitlines():
            fields = line.split()
            if "->" not in fields and len(fields) > 5 and fields[5].rpartition(":")[2] == str(inode):
                return process_named(int(fields[4]))
    return "another process"


def process_named(pid: int) -> str:
    """The process by its number and its command, secrets masked."""
    with contextlib.suppress(OSError):
        command = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
        said = " ".join(masked_command([word for word in command if word]))
        if said:
            return f"process {pid} ({said if len(said) <= 80 else said[:79] + '…'})"
    return f"process {pid}"


def _lock_path(name: str) -> Path:
    return _folder() / f"{hashlib.sha256(name.encode()).hexdigest()[:16]}.lock"


def _folder() -> Path:
    """The user's own folder for locks, made where there is none; refused where somebody else could write into it."""
    folder = Path(tempfile.gettempdir()) / f"parefront-{os.getuid()}"
    try:
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        found = folder.lstat()
    except OSError as error:
        raise DeviceUnreachable(f"cannot make the folder of locks {folder}: {error.strerror}") from error
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o022:
        raise DeviceUnreachable(
            f"{folder} is in the way: expected a folder that this user alone can write into; remove it, or set TMPDIR"
        )
    return folder


def _open(path: Path) -> int:
    """A descriptor for locking; the empty file is left behind, see `exclusive`."""
    try:
        return os.open(path, os.O_RDONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, 0o600)
    except OSError as error:
        raise DeviceUnreachable(f"cannot open the lock {path}: {error.strerror}") from error
