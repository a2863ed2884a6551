"""Where a search evaluates: the executor that its config names, and who owns the devices then."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

from .config.models import Config
from .evaluators.device.link import OpenDevice, own_device
from .evaluators.device.remote.owner import DeviceOwner
from .evaluators.trial.evaluator import Evaluator
from .search.executors.executor import Executor
from .search.executors.local import LocalExecutor
from .search.executors.pool.messages import MakeEvaluator
from .search.executors.pool.pool import PoolExecutor, PoolOptions


@dataclass(frozen=True)
class Execution:
    """How the evaluations of one search are run.

    Attributes:
        open_device: how the evaluator of the search's own process reaches devices.
        executor: makes the executor around that evaluator, which the search closes; told in lines what goes on in
            other processes, from several threads.
    """

    open_device: OpenDevice
    executor: Callable[[Evaluator, Callable[[str], None]], Executor]


def execution_of(config: Config, make: Callable[[], MakeEvaluator]) -> Execution:
    """What the config's section ``executor`` asks for.

    Args:
        config: the whole one.
        make: gives what makes the evaluator in another process; called where there are such processes.

    Raises:
        ConfigError: where the task cannot be sent to other processes.
    """
    if config.executor.name == "local":
        return Execution(own_device, lambda evaluator, tell: LocalExecutor(evaluator))
    owner, sent, options = DeviceOwner(), make(), _pool_options(config)
    return Execution(owner.open, lambda evaluator, tell: PoolExecutor(sent, owner, options, tell))


def _pool_options(config: Config) -> PoolOptions:
    asked = config.executor
    here = [device.threads for device in config.places().values() if not device.command]
    return PoolOptions(
        asked.workers or max(1, (os.cpu_count() or 2) // 2),
        asked.ordered,
        asked.deadline_seconds,
        asked.memory,
        device_threads=max(here, default=0),
    )
