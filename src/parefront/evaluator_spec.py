"""What an evaluator is made from: in this process of a task at hand, and in any other of what the config says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from .config.load import load_task
from .config.models import Config
from .config.schema import parse_config
from .evaluators.device.link import OpenDevice
from .evaluators.device.units import own_device
from .evaluators.quality.scoring.registry import quality_metric
from .evaluators.results.metric import Metric
from .search.runs.identity.recorded_space import refuse_other_space
from .search.runs.reused_run import ReusedRun
from .search.runs.run import Run
from .search.runs.run_folder import RUNS
from .search.runs.settings import SearchSettings
from .spaces.errors import ConfigError
from .spaces.messages import one_line
from .spaces.task import Task
from .task_check.device_check import check_devices
from .task_check.validate import check_task

if TYPE_CHECKING:
    from .evaluators.trial.evaluate import TaskEvaluator
    from .evaluators.trial.retargeted import RetargetedEvaluator

AnyEvaluator: TypeAlias = "TaskEvaluator | RetargetedEvaluator"


@dataclass(frozen=True)
class EvaluatorSpec:
    """An evaluator as a value that can be sent to another process, which makes its own from it.

    Attributes:
        settings: the config, in which ``task`` names a function (``file.py:callable``).
        base: the folder that files in the config are relative to.
        root: where plain names of runs in the config are looked up.
    """

    settings: Mapping[str, Any]
    base: Path
    root: Path = Path(RUNS)

    def make(
        self, on_phase: Callable[[str], None] = lambda _: None, open_device: OpenDevice = own_device
    ) -> AnyEvaluator:
        """Load the task, check it, and make the evaluator; the caller closes it.

        Args:
            on_phase: told what goes on.
            open_device: makes the way to each device; by default this process owns them.

        Raises:
            ConfigError: where the config cannot be read.
            TaskError: where the task does not fit together.
        """
        config = parse_config(dict(self.settings), "the config")
        task = check_task(load_task(config.task, self.base), on_phase).task
        return make_evaluator(config, task, on_phase, self.root, open_device)


@dataclass(frozen=True)
class GivenTaskSpec:
    """As :class:`EvaluatorSpec`, of a task that was given in Python instead of named in a config.

    Attributes:
        settings: the config; its ``task`` says nothing.
        task: checked, as bytes that only processes of this search take.
        root: where plain names of runs in the config are looked up.
    """

    settings: Mapping[str, Any]
    task: bytes
    root: Path = Path(RUNS)

    @classmethod
    def of(cls, config: Config, task: Task, root: Path) -> GivenTaskSpec:
        """The spec of a task at hand.

        Raises:
            ConfigError: where it cannot be sent to another process.
        """
        try:
            from cloudpickle import dumps  # sends classes and functions of scripts and notebooks along
        except ImportError:
            from pickle import dumps
        try:
            return cls(config.resolved(), dumps(task), root)
        except Exception as error:
            raise ConfigError(
                f"executor: the task cannot be sent to other processes ({one_line(error)}); pip install cloudpickle, "
                "or name the task in a config file (task: file.py:function)"
            ) from error

    def make(
        self, on_phase: Callable[[str], None] = lambda _: None, open_device: OpenDevice = own_device
    ) -> AnyEvaluator:
        """As :meth:`EvaluatorSpec.make`.

        Raises:
            ConfigError: where the task cannot be taken apart here.
        """
        from pickle import loads

        try:
            task: Task = loads(self.task)
        except Exception as error:
            raise ConfigError(
                f"executor: the task cannot be taken over by a worker process ({one_line(error)}); pip install "
                "cloudpickle, or name the task in a config file (task: file.py:function)"
            ) from error
        return make_evaluator(parse_config(dict(self.settings), "the config"), task, on_phase, self.root, open_device)


def make_evaluator(
    config: Config,
    task: Task,
    on_phase: Callable[[str], None],
    root: Path = Path(RUNS),
    open_device: OpenDevice = own_device,
) -> AnyEvaluator:
    """What turns the policies of a checked task into measured candidates.

    Raises:
        ConfigError: where scores would be taken over from a run of other weights or settings.
    """
    from .evaluators.trial.evaluate import TaskEvaluator
    from .evaluators.trial.retargeted import RetargetedEvaluator

    settings, scores = search_settings(config, task), config.search.reuse_scores
    make = partial(
        TaskEvaluator,
        task,
        config.compress,
        config.places(),
        images=config.search.images,
        seed=config.search.seed,
        latency=config.latency.protocol(),
        memory=needs_memory(settings),
        racing=config.search.racing,
        pictures=config.search.pictures,
        on_phase=on_phase,
        open_device=open_device,
        accept=partial(check_devices, measured_metrics(settings), config.places()),
    )
    if not scores:
        return make()
    source = Run.open(scores, root)
    earlier = ReusedRun.of(source)
    with ExitStack() as on_error:
        evaluator = RetargetedEvaluator(lambda target: make(built_for=target), earlier.scores, on_phase)
        on_error.callback(evaluator.close)
        earlier.check(str(evaluator.environment["model_sha256"]), config.typed(), settings.quality)
        refuse_other_space(source.path, evaluator.space)
        on_error.pop_all()
    return evaluator


def search_settings(config: Config, task: Task) -> SearchSettings:
    """The config's objectives, budgets and search in terms of the task's metric.

    Raises:
        ConfigError: where they name a metric that is neither the task's nor built in, or bound one the wrong way.
        TaskError: where the task's metric does not say whether higher is better.
    """
    return SearchSettings.of(config.typed(), quality_metric(task))


def needs_memory(settings: SearchSettings) -> bool:
    """Whether candidates are judged by their peak memory, so that it must be measured for every one."""
    return "memory_bytes" in {metric.key for metric in measured_metrics(settings)}


def measured_metrics(settings: SearchSettings) -> list[Metric]:
    """What objectives and budgets are about."""
    return [*settings.searched, *(budget.metric for budget in settings.budgets)]
