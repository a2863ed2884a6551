"""What reading a hostile file may do: give an answer or one line, write nowhere else, execute nothing, in bounds."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from parefront.cli.main import message_of

LONGEST_SECONDS = 20.0
"""Of CPU, for a case: however busy the machine is, what does not end takes more."""
MOST_BYTES = 1 << 30
"""By which resident memory may grow in a case."""
LONGEST_LINE = 4000
"""Characters of a message: it may name a path, and what came."""
EXECUTED = {
    "subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty", "pty.spawn",
    "pickle.find_class", "socket.connect", "socket.bind", "ctypes.dlopen", "urllib.Request", "sqlite3.load_extension",
    "sqlite3.enable_load_extension",
}  # fmt: skip
CHANGED = {
    "os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.symlink", "os.link", "os.truncate", "os.chmod", "os.chown",
    "os.mkfifo", "os.mknod", "os.utime", "shutil.rmtree", "shutil.move",
}  # fmt: skip
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

Act = Callable[[], object]


@dataclass
class Verdict:
    """What came of a case.

    Attributes:
        said: the errors, as the command line shows them.
        faults: what must not be.
        seconds: of CPU.
        grown: bytes by which resident memory peaked over what it was.
    """

    said: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    seconds: float = 0.0
    grown: int = 0


def judged(acts: Iterable[Act], *within: Path) -> Verdict:
    """Carry out ``acts``, which may write below ``within`` and nowhere else."""
    verdict, started = Verdict(), time.process_time()
    before = _resident(reset=True)
    _watching.append(_Watch(tuple(os.path.realpath(path) for path in within), verdict.faults))
    try:
        for act in acts:
            try:
                act()
            except Exception as error:
                message, _ = message_of(error)
                verdict.said.append(message)
    finally:
        _watching.pop()
    verdict.seconds, verdict.grown = time.process_time() - started, max(0, _resident() - before)
    verdict.faults += [fault for message in verdict.said for fault in _faults_of(message)]
    if verdict.seconds > LONGEST_SECONDS:
        verdict.faults.append(f"took {verdict.seconds:.0f} s of CPU")
    if verdict.grown > MOST_BYTES:
        verdict.faults.append(f"took {verdict.grown >> 20} MB")
    return verdict


def _faults_of(message: str) -> list[str]:
    lines = message.strip().splitlines()
    found = []
    if "this is a bug" in message or "Traceback" in message:
        found.append(f"no clear line: {message}")
    if len(lines) != 1 and "the nearest" not in message:
        found.append(f"{len(lines)} lines: {message}")
    if len(message) > LONGEST_LINE:
        found.append(f"{len(message)} characters: {message[:200]}")
    if any((ord(letter) < 32 and letter != "\n") or 127 <= ord(letter) < 160 for letter in message):
        found.append(f"controls the terminal: {message!r}")
    return found


@dataclass
class _Watch:
    within: tuple[str, ...]
    faults: list[str]

    def saw(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in EXECUTED:
            self.faults.append(f"{event} {arguments!r:.200}")
        elif event in CHANGED:
            for path in arguments[:2] if event in ("os.rename", "os.link", "shutil.move") else arguments[:1]:
                self._may_write(event, path, linked=False)
        elif event == "open":
            path, mode, flags = arguments
            flags = flags if isinstance(flags, int) else 0
            if flags & _WRITES or (isinstance(mode, str) and set(mode) & set("wax+")):
                self._may_write(event, path, linked=not flags & os.O_NOFOLLOW)
        elif event == "sqlite3.connect":
            self._may_write(event, arguments[0], linked=True)

    def _may_write(self, event: str, path: Any, linked: bool) -> None:
        if not isinstance(path, str | bytes | os.PathLike):
            return
        text = os.fsdecode(path)
        if text in ("", ":memory:", os.devnull) or text.startswith("file::memory:"):
            return
        with suppress(OSError, ValueError):
            folder, name = os.path.split(text)
            real = os.path.realpath(text) if linked else os.path.join(os.path.realpath(folder), name)
            if not any(real == root or real.startswith(root + os.sep) for root in self.within):
                self.faults.append(f"{event} {text}")


_watching: list[_Watch] = []


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if _watching and (event in EXECUTED or event in CHANGED or event in ("open", "sqlite3.connect")):
        _watching[-1].saw(event, arguments)


sys.addaudithook(_hook)


def _resident(reset: bool = False) -> int:
    """The peak of resident memory since it was last reset, in bytes; 0 where the system does not tell."""
    with suppress(OSError):
        if reset:
            Path("/proc/self/clear_refs").write_text("5")
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0
