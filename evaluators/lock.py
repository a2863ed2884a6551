"""One process at a time on this host measures on a given device: a file lock that dies with its owner."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from .errors import DeviceError


@contextlib.contextmanager
def exclusive(name: str, *, seconds: float = 600) -> Iterator[None]:
    """Hold the lock called `name`, after waiting for it; `DeviceError` where others hold it for `seconds`.

    Threads of one process exclude each other, too. The empty file in the temporary folder is left behind: removing
    it would let two processes hold locks of the same name.
    """
    path = _lock_path(name)
    descriptor = _open(path)
    try:
        deadline = time.monotonic() + seconds
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise DeviceError(
                        f"others have been measuring on {name} for {seconds:.0f} s; see who holds {path}"
                    ) from None
                time.sleep(0.005)
        yield
    finally:
        os.close(descriptor)


def _lock_path(name: str) -> Path:
    return Path(tempfile.gettempdir()) / f"parefront-{hashlib.sha256(name.encode()).hexdigest()[:16]}.lock"


def _open(path: Path) -> int:
    """A descriptor for locking, which needs no right to write, so that users of one machine share the file."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with contextlib.suppress(FileNotFoundError):
            return os.open(path, flags)
        return os.open(path, flags | os.O_CREAT, 0o644)
    except OSError as error:
        raise DeviceError(f"cannot open the lock {path}: {error.strerror}") from error
