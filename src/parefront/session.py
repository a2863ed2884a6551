"""From a config to a search: loads and checks the task, builds the evaluator, opens the run, drives the controller."""

from __future__ import annotations

import itertools
import os
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import nn
from torch.utils.data import DataLoader

from .callbacks.callback import Callback
from .callbacks.dispatch import Dispatch
from .callbacks.registry import make_callbacks
from .config.load import load_task, load_teacher
from .config.models import Config
from .evaluator_spec import AnyEvaluator, EvaluatorSpec, GivenTaskSpec, make_evaluator, search_settings
from .evaluators.device.device import Device
from .evaluators.device.device_options import DeviceOptions
from .evaluators.device.errors import DeviceError
from .evaluators.device.link import OpenDevice
from .evaluators.device.units import own_device
from .evaluators.results.views.units import plural
from .execution import execution_of
from .search.controller import search
from .search.executors.pool.messages import MakeEvaluator
from .search.runs.events import Noted, OnEvent, Warned
from .search.runs.identity.devices import profiles
from .search.runs.identity.fingerprint import Fingerprint
from .search.runs.identity.recorded_space import GRAPH, refuse_other_space
from .search.runs.identity.task_fingerprint import fingerprint_of
from .search.runs.reused_run import ReusedRun
from .search.runs.run import Run
from .search.runs.run_folder import RUNS, is_free
from .search.stopping import has_ended
from .signals import finishing_first
from .spaces.account import account_json
from .spaces.errors import ConfigError, TaskError
from .spaces.files import write_json
from .spaces.network.graph import ModelGraph
from .spaces.task import Dataset, Task
from .task_check.memory_check import MemoryNeed
from .task_check.validate import check_task

if TYPE_CHECKING:
    from .evaluators.trial.training.trainer import Trainer

OnPhase = Callable[[str], None]

IN_PYTHON = "given in Python"
"""What stands in the config of a run for a task that came from no file."""

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
        root: where plain names of runs are looked up.
        callbacks: told of the search beside those that the config names.
        base: the folder of the config file, that its task is named relative to; None of a task given in Python.
        teacher: makes the network that the front is trained towards; by default the task's own.
    """

    config: Config
    task: Callable[[], Task]
    run: Path
    settings: Mapping[str, Any]
    root: Path = Path(RUNS)
    callbacks: Sequence[str | Callback] = ()
    base: Path | None = None
    teacher: Callable[[], nn.Module] | None = None

    @classmethod
    def from_file(cls, config: Config, path: Path, run: str | Path | None, root: Path = Path(RUNS)) -> Job:
        """The job of a config file.

        Args:
            config: as read from ``path``.
            path: of the config file; the task is found relative to it.
            run: name under ``root`` or path; by default named after the config.
            root: folder of the runs.
        """
        folder = run_folder(run, root) if run is not None else default_run(path, root)
        settings = {**config.resolved(), "task": relocated(config.task, path.parent, folder)}
        teachers = [relocated(spec, path.parent, folder) for spec in config.recover.teachers]
        settings["recover"] = {**settings["recover"], "teachers": teachers}
        return cls(config, lambda: load_task(config.task, path.parent), folder, settings, root, base=path.parent)

    def search(self, on_phase: OnPhase, on_event: OnEvent) -> Run:
        """Search, or go on with it; nothing is written before task and model are known to be sound.

        Raises:
            ConfigError: where the run was made with another config or another model.
            TaskError: where the task does not fit together.
        """
        told = Dispatch(make_callbacks([*self.config.callbacks, *self.callbacks]), on_event)
        with _no_exit(), closing(told):
            run = self._search(on_phase, on_event, told)
            told.end(run)
        return run

    def _search(self, on_phase: OnPhase, on_event: OnEvent, told: Dispatch) -> Run:
        run, fingerprint, said = self._existing(), None, list[str]()

        def say(line: str) -> None:
            said.append(line) if run is None else run.log(line)
            on_event(Noted(line))

        on_phase("loading the task")
        task = self.task()
        if run is not None:
            fingerprint = fingerprint_of(task)
            self._check(run, fingerprint, on_event)
            if has_ended(Run(self.run, self.settings, self.root)):
                self._check_devices(run)
                return Run.resume_or_create(self.run, self.settings, self.root)
        on_phase("checking the task")
        checked = check_task(task, on_phase)
        fingerprint = fingerprint or fingerprint_of(task, checked.digests)
        self._check_reused(fingerprint)
        warnings_of_task = list(checked.warnings)
        for warning in warnings_of_task:
            on_event(Warned(warning))
        execution = execution_of(self.config, partial(self._sent, checked.task), say)
        with closing(execution), self._evaluator_of(checked.task, on_phase, execution.open_device) as evaluator:
            training = checked.task.train
            del task, checked  # and the model, which is traced by now
            short_of_memory = self.memory_need(evaluator.traced.graph).warning()
            if short_of_memory is not None:
                on_event(Warned(short_of_memory))
                warnings_of_task.append(short_of_memory)
            if run is not None:
                self._check_evaluator(run, evaluator.environment)
                with self._naming_another():
                    refuse_other_space(run.path, evaluator.space)
            run = Run.resume_or_create(self.run, self.settings, self.root)
            with run.lock():
                if run.fingerprint is None and not run.has_baseline:
                    run.write_fingerprint(fingerprint)
                if not os.path.lexists(run.path / GRAPH):
                    write_json(run.path / GRAPH, account_json(evaluator.traced.graph, evaluator.space))
            for warning in warnings_of_task:
                run.log(f"warning: {warning}")
            for line in said:
                run.log(line)
            events = told.events_of(run)
            executor = execution.executor(evaluator, partial(_note, run, on_event))
            with finishing_first(lambda line: on_event(Noted(line))) as interruption:
                trainer = self._trainer_of(evaluator, training, run)
                search(run, evaluator, events, executor=executor, interruption=interruption, trainer=trainer)
        return run

    def memory_need(self, graph: ModelGraph) -> MemoryNeed:
        """About how much memory a search over that network takes."""
        local = any(not unit.command for place in self.config.places().values() for unit in place.units)
        executor = self.config.executor
        return MemoryNeed.of(graph, self.config.compress, local, executor.at_once if executor.name == "pool" else 0)

    def in_folder_of_its_own(self) -> Job:
        """The job in the first of ``resnet``, ``resnet-2``, … that is free, or a run of this very task and config."""
        fingerprint = None
        for number in itertools.count(1):
            job = self if number == 1 else replace(self, run=self.run.with_name(f"{self.run.name}-{number}"))
            if is_free(job.run):
                return job
            fingerprint = fingerprint or fingerprint_of(self.task())
            if job.goes_on(fingerprint):
                return job
        raise AssertionError("numbers do not end")

    def goes_on(self, fingerprint: Fingerprint) -> bool:
        """Whether the run there is one of this task and config, measured on these devices."""
        try:
            run = Run.open(self.run, self.root)
            run.check_config(self.settings)
            run.check_task(fingerprint)
            self._check_devices(run)
        except ConfigError:
            return False
        return run.fingerprint is not None or not run.has_baseline

    @contextmanager
    def evaluator(
        self, on_phase: OnPhase, on_warning: Callable[[str], None] = lambda _: None
    ) -> Iterator[AnyEvaluator]:
        """The evaluator of the task, closed at the end; ``on_warning`` is told what leaves its numbers meaning less."""
        on_phase("loading the task")
        task = self.task()
        on_phase("checking the task")
        checked = check_task(task, on_phase)
        for warning in checked.warnings:
            on_warning(warning)
        with self._evaluator_of(checked.task, on_phase) as evaluator:
            yield evaluator

    @contextmanager
    def _evaluator_of(
        self, checked: Task, on_phase: OnPhase, open_device: OpenDevice = own_device
    ) -> Iterator[AnyEvaluator]:
        search_settings(self.config, checked)
        made = make_evaluator(self.config, checked, on_phase, self.root, open_device)
        del checked  # its model is traced by now
        with closing(made) as evaluator:
            yield evaluator

    def _trainer_of(
        self, evaluator: AnyEvaluator, training: Dataset | DataLoader[Any] | None, run: Run
    ) -> Trainer | None:
        """What trains the front, where the config asks for that."""
        asked = run.recover
        if not asked.wanted:
            return None
        if not any(metric.is_quality for metric in run.settings.objectives):
            raise ConfigError("recover: expected the task's metric among the objectives, since nothing else is trained")
        from .evaluators.trial.training.trainer import Trainer

        data = None if asked.data == "calibration" else training
        if data is None and asked.data == "train":
            raise ConfigError("recover.data: expected a task with a training split (task.train), got one without")
        if asked.batch and isinstance(data, DataLoader):
            raise ConfigError("recover.batch: task.train is a DataLoader, which has batches of its own; leave it out")
        teachers = [load_teacher(spec, self.base or Path.cwd()) for spec in self.config.recover.teachers]
        teacher = None if self.teacher is None else self.teacher()
        recipe, seed = asked.recipe(few=data is None), self.config.search.seed
        return Trainer(evaluator.builder, recipe, data, seed, teachers, teacher)

    def _sent(self, checked: Task) -> MakeEvaluator:
        """What makes the evaluator in another process."""
        if self.base is None:
            return GivenTaskSpec.of(self.config, checked, self.root).make
        return EvaluatorSpec(self.config.resolved(), self.base.resolve(), self.root.resolve()).make

    def _existing(self) -> Run | None:
        if not (self.run / "config.yaml").is_file():
            return None
        run = Run.open(self.run, self.root)
        with self._naming_another():
            run.check_config(self.settings)
        return run

    def _check(self, run: Run, fingerprint: Fingerprint, on_event: OnEvent) -> None:
        """Raise ``ConfigError`` where the run is of another task; say so where that cannot be told."""
        with self._naming_another():
            run.check_task(fingerprint)
        if run.fingerprint is None and run.has_baseline:
            note = (
                f"run {run.name} was made by a version that kept no digests of its task: "
                "whether it is of this model and data is for you to know"
            )
            on_event(Noted(note))
            warnings.warn(note, stacklevel=2)

    def _check_evaluator(self, run: Run, environment: Mapping[str, Any]) -> None:
        """Raise ``ConfigError`` where trials of other weights or devices would be mixed with those of the run."""
        with self._naming_another():
            _check_same_model(run, environment)
        if run.has_baseline:
            run.check_devices(environment)

    def _check_devices(self, run: Run) -> None:
        """Raise ``ConfigError`` where the run was measured on other devices than these; not of one out of reach."""
        recorded = profiles(run.environment)
        run.check_devices(reachable({n: place for n, place in self.config.places().items() if n in recorded}))

    def _check_reused(self, fingerprint: Fingerprint) -> None:
        """Raise ``ConfigError`` where scores would be taken over from a run of another task."""
        if self.config.search.reuse_scores:
            ReusedRun.of(Run.open(self.config.search.reuse_scores, self.root)).check_task(fingerprint)

    @contextmanager
    def _naming_another(self) -> Iterator[None]:
        """Add to a ``ConfigError`` how to name another run."""
        try:
            yield
        except ConfigError as error:
            name = free_name(self.run)
            mend = f'run="{name}"' if self.settings["task"] == IN_PYTHON else f"--run {name}"
            raise ConfigError(f"{error}, e.g. {mend}") from None


def _note(run: Run, on_event: OnEvent, line: str) -> None:
    run.log(line)
    on_event(Noted(line))


@contextmanager
def _no_exit() -> Iterator[None]:
    """A dataset, a model or a metric that calls ``sys.exit`` would end the search as if it were done."""
    try:
        yield
    except SystemExit as error:
        raise TaskError(
            f"task: its model, data or metric called sys.exit({error.code!r}), which ends the process; raise an error"
        ) from error


def reachable(places: Mapping[str, DeviceOptions]) -> dict[str, Any]:
    """What an environment tells of devices, by name; nothing of one that cannot be reached."""
    found: dict[str, Any] = {}
    for name, options in places.items():
        with suppress(DeviceError), closing(Device(options)) as device:
            found[name] = device.profile.to_json()
    return {"device": found.pop("", None), "devices": found}


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


def absolute(spec: str, base: Path) -> str:
    """``file.py:callable`` with the file's whole path; a module's name as it is."""
    place, colon, name = spec.rpartition(":")
    return f"{(base / place).resolve().as_posix()}{colon}{name}" if place.endswith(".py") else spec


def relocated(spec: str, base: Path, folder: Path) -> str:
    """The user's file relative to the run's folder, so that both can be moved together."""
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
            f"run {run.name} was made with other weights (SHA-256 {str(there)[:12]}… there, {str(here)[:12]}… here); "
            "choose another name for the run"
        )
