"""The folder of a run as the file system sees it: found, checked for what leads out of it, locked by one process."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ...evaluators.results.errors import RunBusy
from ...evaluators.results.recovered import RECOVERED
from ...spaces.errors import ConfigError
from ...spaces.files import UnreadableFile, clear_unfinished, open_regular

RUNS = "runs"
"""Where runs that are named by a plain name are, unless another root is given."""
FOLDERS = ("trials", "artifacts", "final")
"""Inside of a run's folder."""
BESIDE = "beside"
"""Inside of it, too, where a user has named networks that the front is looked at beside."""
ENVIRONMENT, TASK = "environment.json", "task.json"
"""Versions and devices of its first session; what its task is told apart by."""
WORKERS = "workers"
"""Inside of it, too, while processes evaluate for the search: what each needs for itself."""


def locate(name: str | Path, root: str | Path = RUNS) -> Path:
    """The folder that a name or a path of a run means: a path where it has more than one part or is a run's folder."""
    path = Path(name)
    if "\0" in str(path):
        raise ConfigError(f"expected the name or the path of a run, got {str(name)!r}")
    is_path = len(path.parts) != 1 or path.is_absolute() or (path / "config.yaml").is_file()
    return (path if is_path else Path(root) / path).resolve()


def shown_path(path: Path) -> Path:
    """The path of a run as people read it: relative to the working directory where it lies below that."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def argument_of(path: Path) -> str:
    """How the command line names the run in a folder, from the working directory: by its name, or by a path."""
    return path.name if path == (Path(RUNS) / path.name).resolve() else str(shown_path(path))


def check_folders(path: Path) -> None:
    """Make sure that what is read and written under a run's folder lies there.

    Raises:
        UnreadableFile: where one of its folders is a symbolic link or a file.
    """
    for folder in (path / name for name in (*FOLDERS, RECOVERED, BESIDE)):
        if os.path.lexists(folder) and not stat.S_ISDIR(folder.lstat().st_mode):
            what = "a symbolic link" if folder.is_symlink() else "something else"
            raise UnreadableFile(f"{folder}: expected a folder of the run, got {what}; move it away")


def clear_unfinished_run(path: Path) -> None:
    """Remove the empty folders of a run that was killed while it was being created."""
    for folder in (path / name for name in FOLDERS):
        if folder.is_dir() and not folder.is_symlink() and not any(folder.iterdir()):
            folder.rmdir()
    for leftover in path.glob(".config.yaml.*.tmp") if path.is_dir() else ():
        leftover.unlink()


def is_free(path: Path) -> bool:
    """Whether a run can be made there: there is nothing, or no more than a killed one has left of its creation."""
    if path.is_symlink() or not path.is_dir():
        return not os.path.lexists(path)
    return all(
        (entry.name in FOLDERS and entry.is_dir() and not any(entry.iterdir())) or entry.match(".config.yaml.*.tmp")
        for entry in path.iterdir()
    )


def is_locked(path: Path) -> bool:
    """Whether a process is searching in the run at ``path``; nothing is written."""
    import fcntl

    if not os.path.lexists(path / ".lock"):
        return False
    descriptor = open_regular(path / ".lock", os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Be the only process that writes in a run, and clear away what a killed one has left half-written.

    The lock goes with the process, however it ends.

    Raises:
        RunBusy: where another process holds it.
        UnreadableFile: where the lock or a folder leads somewhere else.
    """
    import fcntl

    check_folders(path)
    descriptor = open_regular(path / ".lock", os.O_RDWR | os.O_CREAT)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.pread(descriptor, 32, 0).decode(errors="replace").strip()
            raise RunBusy(f"run {path.name} is being searched by process {owner}; wait for it, or end it") from None
        os.truncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        clear_unfinished(path)
        shutil.rmtree(path / WORKERS, ignore_errors=True)  # which follows no symbolic link
        for folder in FOLDERS:  # copies of a run often come without its empty ones
            (path / folder).mkdir(exist_ok=True)
        yield
    finally:
        os.close(descriptor)
