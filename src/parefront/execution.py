"""Where a search evaluates: the executor that its config names, and who owns the devices then."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from .config.models import Config
from .evaluators.device.link import OpenDevice
from .evaluators.device.remote.owner import DeviceOwner
from .evaluators.device.units import own_device
from .evaluators.trial.evaluator import Evaluator
from .search.executors.executor import Executor
from .search.executors.local import LocalExecutor
from .search.executors.pool.messages import MakeEvaluator
from .search.executors.pool.pool import PoolExecutor, PoolOptions

_LOG = logging.getLogger("parefront")


@dataclass(frozen=True)
class Execution:
    """How the evaluations of one search are run.

    Attributes:
        open_device: how the evaluator of the search's own process reaches devices.
        executor: makes the executor around that evaluator, which the search closes; told in lines what goes on in
            other processes, from several threads.
        close: ends what was started for it, once the search is over.
    """

    open_device: OpenDevice
    executor: Callable[[Evaluator, Callable[[str], None]], Executor]
    close: Callable[[], None] = lambda: None


def execution_of(
    config: Config, make: Callable[[], MakeEvaluator], say: Callable[[str], None] = _LOG.warning
) -> Execution:
    """What the config's section ``executor`` asks for.

    Args:
        config: the whole one.
        make: gives what makes the evaluator in another process; called where there are such processes.
        say: told in a line what befalls one of several like devices; called from several threads.

    Raises:
        ConfigError: where the task cannot be sent to other processes, or the executor is not installed.
        HostFailed: where the cluster cannot be reached.
    """
    if config.executor.name == "local":
        return Execution(partial(own_device, say=say), lambda evaluator, tell: LocalExecutor(evaluator))
    if config.executor.name == "ray":
        return _on_a_cluster(config, make(), say)
    owner, sent, options = DeviceOwner(partial(own_device, say=say)), make(), _pool_options(config)
    return Execution(owner.open, lambda evaluator, tell: PoolExecutor(sent, owner, options, tell))


def _on_a_cluster(config: Config, sent: MakeEvaluator, say: Callable[[str], None]) -> Execution:
    from .search.executors.ray.cluster import Cluster, ClusterOptions
    from .search.executors.ray.device_actors import DeviceActors
    from .search.executors.ray.executor import RayExecutor
    from .search.executors.ray.joining import JoinTask

    asked = config.executor
    cluster = Cluster(ClusterOptions(asked.address, asked.at_once, asked.cpus, asked.device_nodes))
    devices, join = DeviceActors.start(cluster, config.places(), asked.device_wait_seconds), partial(JoinTask.of, sent)

    def close() -> None:
        try:
            devices.close()
        finally:
            cluster.close()

    return Execution(
        replace(devices, say=say).open,  # which is not sent to workers
        lambda evaluator, tell: RayExecutor(cluster, devices, join, asked.ordered, tell),
        close,
    )


def _pool_options(config: Config) -> PoolOptions:
    asked = config.executor
    here = [unit.threads for device in config.places().values() for unit in device.units if not unit.command]
    return PoolOptions(
        asked.at_once,
        asked.ordered,
        asked.deadline_seconds,
        asked.memory,
        device_threads=max(here, default=0),
    )
