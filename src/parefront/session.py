"""From a config to a search: loads and checks the task, builds the evaluator, opens the run, drives the controller."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .config import Config
from .load import load_task
from .search import Budget, Earlier, Front, OnEvent, Run, metric_key, search
from .spaces import ConfigError, Task, TaskError
from .units import plural
from .validate import check_task

if TYPE_CHECKING:
    from .search.evaluate import TaskEvaluator

OnPhase = Callable[[str], None]

PLAIN_NAMES = ("search", "config", "parefront")
"""Names of config files that say nothing beyond the folder they are in."""


@dataclass(frozen=True)
class Job:
    """A search to be done: what, of which task, into which run.

    Attributes:
        config: all settings.
        task: makes the task; called only where there is something left to search.
        run: the folder of the run.
        settings: the config as it is written into the run.
    """

    config: Config
    task: Callable[[], Task]
    run: Path
    settings: Mapping[str, Any]

    @classmethod
    def from_file(cls, config: Config, path: Path, run: str | Path | None, root: Path = Path("runs")) -> Job:
        """The job of a config file.

        Args:
            config: as read from ``path``.
            path: of the config file; the task is found relative to it.
            run: name under ``root`` or path; by default named after the config.
            root: folder of the runs.
        """
        folder = run_folder(run, root) if run is not None else default_run(path, root)
        settings = {**config.resolved(), "task": _relocated(config.task, path.parent, folder)}
        return cls(config, lambda: load_task(config.task, path.parent), folder, settings)

    def search(self, on_phase: OnPhase, on_event: OnEvent) -> Run:
        """Search, or go on with it; nothing is written before task and model are known to be sound.

        Raises:
            ConfigError: where the run was made with another config or another model.
            TaskError: where the task does not fit together.
        """
        run = self._existing()
        if run is not None and run.finished and len(run.trials) >= run.settings.trials:
            return run
        with _no_exit(), self.evaluator(on_phase) as evaluator:
            run = run or Run.resume_or_create(self.run, self.settings)
            _check_same_model(run, evaluator.environment)
            search(run, evaluator, on_event)
        return run

    @contextmanager
    def evaluator(self, on_phase: OnPhase) -> Iterator[TaskEvaluator]:
        """The evaluator of the task, closed at the end."""
        on_phase("loading the task")
        task = self.task()
        on_phase("checking the task")
        with closing(make_evaluator(self.config, check_task(task), on_phase)) as evaluator:
            yield evaluator

    def _existing(self) -> Run | None:
        if not (self.run / "config.yaml").is_file():
            return None
        try:
            return Run.resume_or_create(self.run, self.settings)
        except ConfigError as error:
            raise ConfigError(f"{error}, e.g. --run {free_name(self.run)}") from None


@contextmanager
def _no_exit() -> Iterator[None]:
    """A dataset, a model or a metric that calls ``sys.exit`` would end the search as if it were done."""
    try:
        yield
    except SystemExit as error:
        raise TaskError(
            f"task: its model, data or metric called sys.exit({error.code!r}), which ends the process; raise an error"
        ) from error


def make_evaluator(config: Config, task: Task, on_phase: OnPhase) -> TaskEvaluator:
    """What turns policies into measured candidates."""
    from .search.evaluate import TaskEvaluator

    scores = config.search.reuse_scores
    earlier = Earlier.of(Run.open(scores)) if scores else None
    evaluator = TaskEvaluator(
        task,
        config.compress,
        config.places(),
        images=config.search.images,
        seed=config.search.seed,
        latency=config.latency.protocol(),
        memory=needs_memory(config),
        racing=config.search.racing,
        earlier=earlier,
        on_phase=on_phase,
    )
    if earlier is not None:
        with ExitStack() as on_error:
            on_error.callback(evaluator.close)
            earlier.check(str(evaluator.environment["model_sha256"]), config.resolved())
            on_error.pop_all()
    return evaluator


def needs_memory(config: Config) -> bool:
    """Whether candidates are judged by their peak memory, so that it must be measured for every one."""
    names = [*config.objectives, *(Budget.parse(text).metric for text in config.budget)]
    return "memory_bytes" in {metric_key(name) for name in names}


def run_folder(name: str | Path, root: Path) -> Path:
    """The folder of a run: a path where it has several parts, else a name under ``root``."""
    path = Path(name)
    return (path if len(path.parts) != 1 or path.is_absolute() else root / path).resolve()


def default_run(config: Path, root: Path) -> Path:
    """The run of a config: named after its folder, and after the file where that says more.

    The config inside a run's folder means that run.
    """
    path = config.resolve()
    if path.name == "config.yaml" and (path.parent / "trials").is_dir():
        return path.parent
    folder = path.parent.name or "run"
    return (root / (folder if path.stem in PLAIN_NAMES else f"{folder}-{path.stem}")).resolve()


def interrupted(run: Path, what: str) -> str:
    """The line for who has stopped a search; ``what`` goes on with it."""
    return (
        f"interrupted after {plural(len(list(run.glob('trials/*.json'))), 'trial')}; the same {what} goes on from there"
    )


def free_name(run: Path) -> str:
    """A name for a run beside ``run`` that is not taken: ``demo-2``."""
    number = 2
    while (run.parent / f"{run.name}-{number}").exists():
        number += 1
    return f"{run.name}-{number}"


def within(front: Front, where: tuple[str, ...]) -> Front:
    """The front's members that meet every budget in ``where``.

    Raises:
        NoCandidate: where none does, with the nearest ones.
    """
    if not where:
        return front
    budgets = tuple(Budget.parse(text) for text in where)
    front.select(*budgets)
    met = tuple(c for c in front if all(budget.met(c, front.baseline) for budget in budgets))
    return replace(front, candidates=met, budgets=budgets)


def _relocated(spec: str, base: Path, folder: Path) -> str:
    """The task's file relative to the run's folder, so that both can be moved together."""
    place, colon, name = spec.rpartition(":")
    if not place.endswith(".py"):
        return spec
    path = (base / place).resolve()
    return f"{Path(os.path.relpath(path, folder)).as_posix()}{colon}{name}"


def _check_same_model(run: Run, environment: Mapping[str, Any]) -> None:
    """Trials of another model's weights would be mixed with those of this one."""
    there, here = run.environment.get("model_sha256"), environment.get("model_sha256")
    if there is not None and here is not None and there != here:
        raise ConfigError(
            f"run {run.name} was made with other weights (SHA-256 {there[:12]}… there, {here[:12]}… here); "
            f"choose another name for the run, e.g. --run {free_name(run.path)}"
        )
