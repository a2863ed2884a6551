"""Files of a run that are read once, and again only where they have changed: another process may be writing them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

T = TypeVar("T")

Stamp = tuple[int, int, int, int]


class ReadOnce(Generic[T]):
    """Values that are read from files, kept by path until the file is another one or is gone.

    Args:
        read: the value in a file; what it raises is raised at every call.
    """

    def __init__(self, read: Callable[[Path], T]) -> None:
        self._read = read
        self._kept: dict[str, tuple[Stamp, T]] = {}

    def of(self, path: Path) -> T:
        """The value in the file at ``path``."""
        stamp, name = _stamp(path), str(path)
        known = self._kept.get(name)
        if known is not None and known[0] == stamp:
            return known[1]
        value = self._read(path)
        if stamp is not None:
            self._kept[name] = stamp, value
        return value

    def keep(self, path: Path, value: T) -> None:
        """Take ``value`` as read from the file that this process has just written."""
        if (stamp := _stamp(path)) is not None:
            self._kept[str(path)] = stamp, value

    def all_in(self, paths: list[Path]) -> list[T]:
        """The values in files, in their order; others are forgotten."""
        values = [self.of(path) for path in paths]
        if len(self._kept) > len(paths):
            there = set(map(str, paths))
            self._kept = {name: kept for name, kept in self._kept.items() if name in there}
        return values


def _stamp(path: Path) -> Stamp | None:
    """What changes whenever a file is written or replaced, by a symbolic link, too; None where there is none."""
    try:
        status = os.lstat(path)
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
