"""Another host on this machine: an OpenSSH server in a network namespace of its own, reached by its own address."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

SSHD = shutil.which("sshd", path=os.environ.get("PATH", "") + ":/usr/sbin") or ""
PORT = 22


@dataclass(frozen=True)
class Host:
    """A host reached by ``command``; its cable can be pulled.

    Attributes:
        command: prefix that starts a program there, with keys made for this test.
        config: of the client, as ``~/.ssh/config`` would be; the host is called ``board`` in it.
        interface: this side's end of the cable.
    """

    command: tuple[str, ...]
    config: Path
    interface: str

    def unplug(self) -> None:
        _run("ip", "link", "set", self.interface, "down")

    def plug(self) -> None:
        _run("ip", "link", "set", self.interface, "up")


def why_not() -> str:
    """Why there cannot be another host here; empty where there can."""
    missing = [name for name in ("ssh", "ssh-keygen", "ip") if shutil.which(name) is None]
    missing += [] if SSHD else ["sshd"]
    if missing:
        return f"no {', '.join(missing)}; install openssh-server, openssh-client, iproute2"
    name = f"pf-{secrets.token_hex(4)}"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True)
    if made.returncode:
        return f"no network namespaces here: {made.stderr.strip()}"
    _run("ip", "netns", "del", name)
    return ""


@contextmanager
def another_host(folder: Path) -> Iterator[Host]:
    """Skips the test, with the reason, where there cannot be one."""
    if reason := why_not():
        pytest.skip(reason)
    mark = secrets.token_hex(3)
    namespace, near, far = f"pf-{mark}", f"pf{mark}a", f"pf{mark}b"
    subnet = f"10.{200 + secrets.randbelow(50)}.{secrets.randbelow(256)}"
    _run("ip", "netns", "add", namespace)
    try:
        _run("ip", "link", "add", near, "type", "veth", "peer", "name", far, "netns", namespace)
        _run("ip", "addr", "add", f"{subnet}.1/30", "dev", near)
        _run("ip", "-n", namespace, "addr", "add", f"{subnet}.2/30", "dev", far)
        _run("ip", "link", "set", near, "up")
        for interface in (far, "lo"):
            _run("ip", "-n", namespace, "link", "set", interface, "up")
        config = _keys_and_config(folder, f"{subnet}.2")
        server = subprocess.Popen(
            ["ip", "netns", "exec", namespace, SSHD, "-D", "-e", "-f", str(folder / "sshd_config")],
            stderr=(folder / "sshd.log").open("w"),
        )
        try:
            _wait_for(f"{subnet}.2", folder / "sshd.log")
            yield Host(("ssh", "-F", str(config), "board"), config, near)
        finally:
            server.terminate()
            server.wait()
    finally:
        subprocess.run(["ip", "netns", "pids", namespace], capture_output=True)
        _run("ip", "netns", "del", namespace)


def _keys_and_config(folder: Path, address: str) -> Path:
    """Key pairs of host and user, and both configurations; the client's."""
    for name in ("host_key", "user_key"):
        _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name))
    public = (folder / "user_key.pub").read_text()
    (folder / "authorized_keys").write_text(public)
    (folder / "known_hosts").write_text(f"{address} {(folder / 'host_key.pub').read_text()}")
    Path("/run/sshd").mkdir(parents=True, exist_ok=True)
    (folder / "sshd_config").write_text(
        f"ListenAddress {address}:{PORT}\nHostKey {folder / 'host_key'}\nPidFile none\nUsePAM no\nStrictModes no\n"
        f"PasswordAuthentication no\nPermitRootLogin yes\nAuthorizedKeysFile {folder / 'authorized_keys'}\n"
    )
    config = folder / "ssh_config"
    config.write_text(
        f"Host board\n  HostName {address}\n  Port {PORT}\n  IdentityFile {folder / 'user_key'}\n  IdentitiesOnly yes\n"
        f"  UserKnownHostsFile {folder / 'known_hosts'}\n  BatchMode yes\n  ConnectTimeout 3\n"
    )
    return config


def _wait_for(address: str, log: Path, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            socket.create_connection((address, PORT), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"no sshd at {address}: {log.read_text()}")


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


PYTHON = sys.executable
"""The interpreter there: it is this machine's file system."""
