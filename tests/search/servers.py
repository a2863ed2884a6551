"""Database servers of the tests' own: in a temporary folder, on a socket there, gone with what started them."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import time
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
                os.chown(path, *_owner("postgres"))
        subprocess.run(
            [*_as("postgres"), f"{self._binaries}/initdb", "-D", f"{self.folder}/data", *options],
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
                [*_as("postgres"), f"{self._binaries}/postgres", "-D", f"{self.folder}/data", *words],
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
        _owner("postgres")
    with tempfile.TemporaryDirectory(prefix="parefront-pg-", ignore_cleanup_errors=True) as name:
        server = PostgresServer(Path(name), found.parent)
        server.create()
        server.start()
        try:
            yield server
        finally:
            server.stop()


@contextmanager
def mariadb_server() -> Iterator[str]:
    """The URL of a database on a MariaDB server, which speaks MySQL's language.

    Raises:
        FileNotFoundError: where MariaDB is not installed, or there is nobody to run it as.
    """
    server, create = shutil.which("mariadbd") or "/usr/sbin/mariadbd", shutil.which("mariadb-install-db")
    if create is None or not Path(server).exists():
        raise FileNotFoundError("MariaDB is not installed (Debian's package mariadb-server)")
    with tempfile.TemporaryDirectory(prefix="parefront-my-", ignore_cleanup_errors=True) as folder:
        if os.getuid() == 0:
            os.chown(folder, *_owner("mysql"))
        user = [] if os.getuid() == 0 else [f"--user={pwd.getpwuid(os.getuid()).pw_name}"]
        where = ["--no-defaults", f"--datadir={folder}/data", *user]
        made = [*where, "--auth-root-authentication-method=normal", "--skip-test-db"]
        subprocess.run([*_as("mysql"), create, *made], check=True, capture_output=True)
        first, log = Path(folder, "first.sql"), Path(folder, "log")
        first.write_text(
            "CREATE DATABASE study;\n"
            "CREATE USER parefront IDENTIFIED BY 's3cret';\n"
            "GRANT ALL ON study.* TO parefront;\n"
        )
        settings = [f"--socket={folder}/socket", "--skip-networking", "--skip-name-resolve", f"--init-file={first}"]
        first.chmod(0o644)
        with log.open("wb") as stream:
            process = subprocess.Popen([*_as("mysql"), server, *where, *settings], stdout=stream, stderr=stream)
        try:
            while "ready for connections" not in log.read_text(errors="replace"):
                assert process.poll() is None, log.read_text(errors="replace")
                time.sleep(0.02)
            yield f"mysql://parefront:s3cret@localhost/study?unix_socket={folder}/socket"
        finally:
            process.terminate()
            process.wait()


def _owner(user: str) -> tuple[int, int]:
    """Of a server's files: PostgreSQL refuses to run as root, and MariaDB had better not."""
    try:
        entry = pwd.getpwnam(user)
    except KeyError:
        raise FileNotFoundError(f"there is no user {user} to run the server as") from None
    return entry.pw_uid, entry.pw_gid


def _as(user: str) -> list[str]:
    """The start of a command that runs as that user where this is root, and that ends when this process ends."""
    words = ["setpriv", "--pdeathsig", "INT" if user == "postgres" else "TERM"]
    if os.getuid() == 0:
        uid, gid = _owner(user)
        words += [f"--reuid={uid}", f"--regid={gid}", "--clear-groups"]
    return words
