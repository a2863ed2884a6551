"""A database server of the tests' own: in a temporary folder, on a socket there, gone with what started it."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

PASSWORD = "s3cret{/@%}"
"""Has what has to be escaped in a URL, and what Optuna would take for a placeholder."""


class PostgresServer:
    """PostgreSQL in a folder; asks for a password.

    Attributes:
        folder: of its data and its socket.
    """

    def __init__(self, folder: Path, binaries: Path) -> None:
        self.folder, self._binaries = folder, binaries
        self._process: subprocess.Popen[bytes] | None = None

    def url(self, database: str = "postgres", password: str = PASSWORD) -> str:
        return f"postgresql://parefront:{quote(password, safe='')}@/{database}?host={self.folder}"

    def create(self) -> None:
        secret = self.folder / "password"
        secret.write_text(PASSWORD + "\n")
        options: list[str] = [
            "-U",
            "parefront",
            "--auth=scram-sha-256",
            f"--pwfile={secret}",
            "-E",
            "UTF8",
            "--no-sync",
        ]
        if os.getuid() == 0:
            for path in (self.folder, secret):
                os.chown(path, *_owner())
        subprocess.run(
            [*_as_its_owner(), f"{self._binaries}/initdb", "-D", f"{self.folder}/data", *options],
            check=True,
            capture_output=True,
        )

    def start(self) -> None:
        """Start, and wait until it answers."""
        settings = {"listen_addresses": "", "unix_socket_directories": self.folder, "fsync": "off"}
        settings |= {"shared_buffers": "16MB", "timezone": "Asia/Tokyo"}
        words = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*_as_its_owner(), f"{self._binaries}/postgres", "-D", f"{self.folder}/data", *words],
                stdout=log,
                stderr=log,
            )
        ready = [f"{self._binaries}/pg_isready", "-q", "-h", f"{self.folder}"]
        while subprocess.run(ready, check=False).returncode != 0:
            assert self._process.poll() is None, (self.folder / "log").read_text()

    def stop(self) -> None:
        """Cut all connections off, and end."""
        if self._process is not None:
            self._process.send_signal(2)  # fast shutdown
            self._process.wait()
            self._process = None


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """A server that has started.

    Raises:
        FileNotFoundError: where PostgreSQL is not installed, or there is nobody to run it as.
    """
    binaries = max(Path("/usr/lib/postgresql").glob("*/bin/postgres"), default=None)
    found = binaries or (Path(path) if (path := shutil.which("postgres")) else None)
    if found is None:
        raise FileNotFoundError("PostgreSQL is not installed (Debian's package postgresql)")
    if os.getuid() == 0:
        _owner()
    with tempfile.TemporaryDirectory(prefix="parefront-pg-", ignore_cleanup_errors=True) as name:
        server = PostgresServer(Path(name), found.parent)
        server.create()
        server.start()
        try:
            yield server
        finally:
            server.stop()


def _owner() -> tuple[int, int]:
    """Of the server's files: PostgreSQL refuses to run as root."""
    try:
        entry = pwd.getpwnam("postgres")
    except KeyError:
        raise FileNotFoundError("there is no user postgres to run PostgreSQL as") from None
    return entry.pw_uid, entry.pw_gid


def _as_its_owner() -> list[str]:
    """The start of a command that runs as that user, and ends when this process ends."""
    words = ["setpriv", "--pdeathsig", "INT"]
    if os.getuid() == 0:
        words += [f"--reuid={_owner()[0]}", f"--regid={_owner()[1]}", "--clear-groups"]
    return words
