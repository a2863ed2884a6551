"""The cluster: one that runs already, or one that is started on this machine alone, where nobody else can reach it."""

from __future__ import annotations

import logging
import math
import os
import secrets
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ....evaluators.results.errors import HostFailed
from ....spaces.errors import ConfigError
from ....spaces.messages import one_line

LOCAL = "local"
LOOPBACK = ("127.", "localhost:")
CONNECT_SECONDS = 5.0
STORE_BYTES = 512 << 20
"""Of the object store of a cluster that is started here: policies and artefacts pass through it."""
TOKENS = ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")
"""The user's token, or where it is; else it is in ``~/.ray/auth_token``."""
LOOK_SECONDS = 2.0
"""For which what the cluster has is taken to be what it had."""
ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_worker_niceness": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "RAY_ENABLE_AUTO_CONNECT": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_AUTO_INIT": "1",
    "TUNE_GLOBAL_CHECKPOINT_S": "1000000000",
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
}
"""No telemetry, no files of Ray Tune's beside those of the run, nothing on the terminal but our own.

Processes of a cluster that is started here are no nicer than ours: Ray lets any other program go before its own, which
latency shows."""
_LOG = logging.getLogger("parefront")


@dataclass(frozen=True)
class ClusterOptions:
    """Which cluster, and what of it.

    Attributes:
        address: of a cluster that runs: ``auto`` for the one that this machine is part of, ``host:port``; ``local``
            starts one on this machine, which ends with the search.
        workers: evaluations at the same time, at most; as many as the cluster has room for are run.
        cpus: cores that each is given.
        device_nodes: by device where its owner runs: a custom resource of that node (``device:pi4``), or a label of
            it (``device=pi4``); without one, on the controller's node.
        object_store_bytes: of a cluster that is started here.
    """

    address: str = LOCAL
    workers: int = 2
    cpus: float = 1.0
    device_nodes: dict[str, str] | None = None
    object_store_bytes: int = STORE_BYTES


class Cluster:
    """A connection to a cluster; ends what it has started.

    Args:
        options: which cluster.

    Raises:
        ConfigError: where Ray is not installed.
        HostFailed: where the cluster cannot be reached, or not be started.
    """

    def __init__(self, options: ClusterOptions) -> None:
        if any(find_spec(name) is None for name in ("ray", "pyarrow", "tensorboardX")):
            raise ConfigError('executor: ray needs Ray Tune, which is not installed; pip install "parefront[ray]"')
        _set_environment()
        if options.address == LOCAL:
            keep_to_ourselves()
        elif options.address.startswith(LOOPBACK):
            _stay_on_loopback()
        _check_reachable(options.address)
        import ray

        self.options = options
        self._slots, self._looked = 1, -math.inf
        self._is_ours = not ray.is_initialized()
        if self._is_ours:
            with _own_signals():
                self._connect(ray)
        _silence(ray)
        self.node: str = ray.get_runtime_context().get_node_id()

    def _connect(self, ray: Any) -> None:
        options = self.options
        common = {"log_to_driver": False, "logging_level": logging.CRITICAL, "configure_logging": False}
        try:
            if options.address == LOCAL:
                ray.init(
                    address=LOCAL,
                    num_cpus=math.ceil(options.workers * options.cpus),
                    object_store_memory=options.object_store_bytes,
                    include_dashboard=False,
                    **common,
                )
            else:
                ray.init(address=options.address, **common)
        except (ConnectionError, RuntimeError, ValueError, OSError, ray.exceptions.RayError) as error:
            where = "start Ray on this machine" if options.address == LOCAL else f"reach Ray at {options.address!r}"
            raise HostFailed(f"executor: cannot {where}: {one_line(error)}") from error

    @property
    def workers(self) -> int:
        """Evaluations that the cluster has room for now, one at least and no more than asked for."""
        import ray

        now = time.monotonic()
        if now > self._looked + LOOK_SECONDS:
            self._looked = now
            with suppress(Exception):  # of a cluster that is just being lost: what it had
                cpus = [node["Resources"].get("CPU", 0.0) for node in ray.nodes() if node["Alive"]]
                self._slots = sum(int(count / self.options.cpus + 1e-9) for count in cpus)
        return max(1, min(self.options.workers, self._slots))

    def close(self) -> None:
        """Leave the cluster, which ends all that was started there, and end it where it was started here."""
        import ray

        if self._is_ours:
            ray.shutdown()


def keep_to_ourselves() -> None:
    """Let clusters that this process starts be reached from this machine alone, and with a token.

    Whoever reaches the ports of Ray can run any code there: by default it listens on all interfaces, and was found
    thus by those who mine coins (ShadowRay, CVE-2023-48022). Where the user has no token, one is made for this process
    and those that it starts.
    """
    if "ray" not in sys.modules:  # it reads this when it is imported; a later one asks for a token unless told not to
        os.environ.setdefault("RAY_AUTH_MODE", "token")
    if not any(os.environ.get(name) for name in TOKENS) and not (Path.home() / ".ray" / "auth_token").exists():
        os.environ[TOKENS[0]] = secrets.token_hex(32)
    _stay_on_loopback()


def _stay_on_loopback() -> None:
    """Let Ray keep to 127.0.0.1, in whose place it takes the machine's public address, where there may be more nodes.

    It stays on loopback where it is told that there are no other nodes.
    """
    _set_environment()
    import ray._private.ray_constants as constants

    os.environ[constants.ENABLE_RAY_CLUSTERS_ENV_VAR] = "0"
    constants.ENABLE_RAY_CLUSTER = False


def _set_environment() -> None:
    os.environ |= {name: value for name, value in ENVIRONMENT.items() if name not in os.environ}


def alive_nodes() -> set[str]:
    """The Ray ids of the nodes that are alive, asked from within a cluster."""
    import ray

    return {node["NodeID"] for node in ray.nodes() if node["Alive"]}


def on_node(node: str) -> dict[str, Any]:
    """Options of an actor that has to run on that node."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    return {"scheduling_strategy": NodeAffinitySchedulingStrategy(node, soft=False)}


def _check_reachable(address: str) -> None:
    """Raise ``HostFailed`` where nothing listens at ``host:port``, which Ray takes minutes to find out."""
    host, separator, port = address.rpartition(":")
    if not separator or not port.isdigit():
        return
    try:
        socket.create_connection((host, int(port)), CONNECT_SECONDS).close()
    except OSError as error:
        raise HostFailed(f"executor: cannot reach Ray at {address!r}: {error.strerror or one_line(error)}") from error


@contextmanager
def _own_signals() -> Iterator[None]:
    """Signals are handled as before: Ray puts handlers of its own in their place."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    kept: dict[signal.Signals, Callable[..., Any] | int | None] = {
        number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


def _silence(ray: Any) -> None:
    """What Ray says of its nodes goes to our log, not between the lines of our terminal; it has no option for that."""
    ray._private.worker.print_to_stdstream = lambda data, ignore_prefix: _LOG.debug("ray: %s", data.get("lines"))
    logger = logging.getLogger("ray")
    logger.propagate = False
    logger.setLevel(logging.CRITICAL)
