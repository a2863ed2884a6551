"""Files written whole or not at all, and read with no surprise: no symbolic link is followed, nothing waits."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from .errors import ConfigError
from .limits import JSON_BYTES, MODEL_BYTES, in_words

UNFINISHED = re.compile(r"\..+\.tmp")
"""Names of the files that a killed process leaves behind, half-written."""
_OF_THE_HOST = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EROFS})
"""What keeps a file from being opened that says nothing of what is in its place."""


class UnreadableFile(ConfigError):
    """A file that is missing, no regular file, or does not hold what it should (exit code 2)."""


def write_bytes(path: Path, content: bytes) -> None:
    """As :func:`write_chunks`, of one part."""
    write_chunks(path, [content])


def write_chunks(path: Path, parts: Iterable[bytes | memoryview]) -> None:
    """Replace the file at ``path``: a reader, or a kill of this process, finds the old content or the whole new one.

    It is written aside, flushed to disk and renamed into place. A symbolic link at ``path`` is replaced, not followed.

    Raises:
        UnreadableFile: where a folder is in its place.
    """
    aside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    aside.unlink(missing_ok=True)
    try:
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        try:
            for part in parts:
                _write_all(descriptor, part)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.replace(aside, path)
    except BaseException as error:
        with suppress(OSError):  # of a disk that fails; the next session clears it away
            aside.unlink(missing_ok=True)
        if not isinstance(error, IsADirectoryError):
            raise
        raise UnreadableFile(f"{path}: expected a file to replace, or nothing, got a folder; move it away") from error


def write_text(path: Path, text: str) -> None:
    write_bytes(path, text.encode())


def write_json(path: Path, value: Any) -> None:
    """Write strict JSON: a number that is not finite raises ``ValueError``, it has no JSON."""
    write_text(path, json.dumps(value, indent=1, allow_nan=False) + "\n")


def append_text(path: Path, text: str) -> None:
    """Add to the end of a file, or make it.

    Raises:
        UnreadableFile: where there is something else than a regular file.
    """
    descriptor = open_regular(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        _write_all(descriptor, text.encode(errors="replace"))
    finally:
        os.close(descriptor)


def read_bytes(path: Path, most: int = MODEL_BYTES, *, follow: bool = False) -> bytes:
    """The content of a regular file.

    Args:
        path: of the file.
        most: bytes that it may have; see :mod:`.limits`.
        follow: whether it may be a symbolic link to one: a file that the user names, not one of a run.

    Raises:
        UnreadableFile: where there is none, or a symbolic link, a folder, a pipe or the like in its place, and for a
            file that is larger.
    """
    with os.fdopen(open_regular(path, os.O_RDONLY, follow=follow), "rb") as stream:
        size = os.fstat(stream.fileno()).st_size
        content = stream.read(most + 1) if size <= most else b""  # it may grow meanwhile, or be one of /proc
    if max(size, len(content)) > most:
        raise UnreadableFile(f"{path}: expected a file of at most {in_words(most)}, got {in_words(size)}")
    return content


def read_json(path: Path) -> dict[str, Any]:
    """The mapping in a file of strict JSON; what would control a terminal in its texts becomes ``�``.

    Raises:
        UnreadableFile: as :func:`read_bytes`, and where it is not a JSON mapping.
    """
    try:
        text = read_bytes(path, JSON_BYTES).decode()
        fields = json.loads(_without_controls(text), parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise UnreadableFile(f"{path} is not JSON ({error}); it is damaged, or was edited") from error
    if not isinstance(fields, dict):
        raise UnreadableFile(f"{path}: expected a JSON mapping, got {type(fields).__name__}")
    return fields


def open_regular(path: Path, flags: int, *, follow: bool = False) -> int:
    """A descriptor of the regular file at ``path``; symbolic links in its last part only where ``follow`` says so.

    Raises:
        UnreadableFile: as :func:`read_bytes`.
        OSError: where this machine fails: the disk is full or broken, too many files are open.
    """
    try:
        descriptor = os.open(path, flags | (0 if follow else os.O_NOFOLLOW) | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)
    except OSError as error:
        if error.errno in _OF_THE_HOST:
            raise
        what = "a symbolic link" if not follow and path.is_symlink() else error.strerror
        raise UnreadableFile(f"{path}: expected a regular file, got {what}") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise UnreadableFile(f"{path}: expected a regular file, got a folder, a pipe or a device")
    return descriptor


def sha256_of(path: Path) -> str:
    """SHA-256 of a regular file's bytes, 64 hexadecimal digits; errors as :func:`read_bytes`."""
    with os.fdopen(open_regular(path, os.O_RDONLY), "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def stamp_of(path: Path) -> tuple[int, int, int, int]:
    """What changes whenever a file is written or replaced: its number on the disk, its size and its times."""
    status = path.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def clear_unfinished(folder: Path) -> None:
    """Remove the half-written files of a killed process from a folder and all below it."""
    for place, _, names in os.walk(folder):
        for name in names:
            if UNFINISHED.fullmatch(name):
                (Path(place) / name).unlink(missing_ok=True)


def _write_all(descriptor: int, content: bytes | memoryview) -> None:
    """Write it all, however little the system takes at once."""
    left = memoryview(content)
    while left:
        left = left[os.write(descriptor, left) :]


def _without_controls(text: str) -> str:
    """JSON without the characters that move a cursor, colour text, or turn its direction."""
    return _CONTROLS.sub(r"\1�", text) if "\\u" in text or not text.isascii() else text


_CONTROLS = re.compile(
    r"((?<!\\)(?:\\\\)*)\\u(?:00(?:0[0-8bcef]|1[0-9a-f]|7f|[89][0-9a-f])|20(?:0[ef]|2[a-e]|6[6-9]))"
    "|[\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]",
    re.IGNORECASE,
)


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number of JSON")
