"""``beside``: networks of a user's own, measured as landmarks of a run."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from .inspection.artifact import check_model
from .search.runs.config_file import CONFIG
from .search.runs.identity.baseline import check_baseline
from .search.runs.landmarks import Landmark
from .search.runs.run import Run
from .search.runs.run_folder import RUNS, argument_of
from .search.runs.stores.beside_store import Given
from .signals import interruptible
from .spaces.errors import ConfigError
from .spaces.files import sha256_of
from .terminal.progress import view_for

if TYPE_CHECKING:
    from .evaluators.device.device_profile import DeviceProfile
    from .evaluators.trial.beside import BesideEvaluator
    from .spaces.task import Task

OnPhase = Callable[[str], None]


@dataclass(frozen=True)
class NamedFile:
    """A file that a user has named.

    Attributes:
        path: as it was given.
        content: an ONNX model.
    """

    path: Path
    content: bytes

    @classmethod
    def read(cls, path: Path) -> NamedFile:
        """Raises ``ConfigError`` where there is no ONNX model."""
        return cls(path, check_model(path))

    @property
    def name(self) -> str:
        """What landmarks of it are called."""
        return self.path.stem.encode(errors="replace").decode()

    @property
    def digest(self) -> str:
        """SHA-256 of its bytes."""
        return hashlib.sha256(self.content).hexdigest()


def beside(
    run: Run | str | Path,
    *files: str | Path,
    task: Task | None = None,
    root: str | Path = RUNS,
    progress: bool = True,
) -> tuple[Landmark, ...]:
    """Measure networks of your own as landmarks of a run; what ``parefront report RUN --beside FILE.onnx`` does.

    Each is scored on the search and the test split by the task's metric, in the run's runtime, and timed on its devices
    against the uncompressed model, as the members of the front were at the end. It is kept in the run, and stands from
    then on in ``front --json``, in figures and on the page. A file that was measured before is not measured again. ::

        pf.beside(run, "resnet20.onnx", task=task())

    Args:
        run: a run, its name under ``root`` or its path.
        files: ONNX files that take and give what the task's model does, under whatever names.
        task: of the run; by default the one that its config names.
        root: where runs lie.
        progress: whether to show what is going on.

    Returns:
        A landmark for each file; its ``candidate`` has the metrics.

    Raises:
        ConfigError: for a file that is no ONNX model, that takes or gives something else, or that the runtime refuses;
            where the run is of another task, or was measured on another device.
        RunBusy: where another process writes to the run.
        DeviceError: where a device cannot be reached.
    """
    opened = run if isinstance(run, Run) else Run.open(run, root)
    with interruptible(), view_for(Console(quiet=not progress), opened.name) as view:
        return measure_beside(opened, [*map(Path, files)], task, view.phase)


def measure_beside(run: Run, files: Sequence[Path], task: Task | None, on_phase: OnPhase) -> tuple[Landmark, ...]:
    """As :func:`beside`, telling ``on_phase`` what goes on."""
    named = {file.digest: file for file in map(NamedFile.read, files)}
    known = {digest: run.beside.of(digest) for digest in named}
    missing = [file for digest, file in named.items() if known[digest] is None]
    renamed = [replace(given, name=named[given.file].name) for given in known.values() if given is not None]
    if missing or renamed != [given for given in known.values() if given is not None]:
        with run.lock():
            for given in renamed:
                run.write_beside(given)
            if missing:
                _measure(run, missing, task, on_phase)
    marks = {mark.file: mark for mark in run.landmarks_beside(run.front)}
    return tuple(marks[digest] for digest in named)


def _measure(run: Run, files: Sequence[NamedFile], task: Task | None, on_phase: OnPhase) -> None:
    """Measure files that were not measured before; each is kept as it comes."""
    with closing(_evaluator(run, files, task, on_phase)) as evaluator:
        for file in files:
            run.write_beside(_measured(run, evaluator, file))
            run.log(f"{file.name} was measured beside the run (SHA-256 {file.digest[:12]}…)")


def _measured(run: Run, evaluator: BesideEvaluator, file: NamedFile) -> Given:
    started = time.perf_counter()
    with _naming(file):
        once, again = evaluator.measure(file.name, file.content, run.beside.artifact(file.digest))
    return Given.read_twice(file.name, file.digest, once, again, time.perf_counter() - started)


def _evaluator(run: Run, files: Sequence[NamedFile], task: Task | None, on_phase: OnPhase) -> BesideEvaluator:
    """What measures files beside a run, once it is sure that these are its task, its model and its devices.

    Raises:
        ConfigError: naming what is another one, or that the task is in Python.
    """
    on_phase("loading the task")
    from .config.load import load_task  # loads torch, as do the others here
    from .config.schema import load_config
    from .evaluators.trial.beside import BesideEvaluator
    from .search.runs.identity.task_fingerprint import fingerprint_of
    from .session import IN_PYTHON

    uncompressed, config = _uncompressed(run), load_config(run.path / CONFIG)
    protocol = config.latency.protocol()
    _check_ports(files, uncompressed, protocol.batch)
    if task is None and config.task == IN_PYTHON:
        listed = ", ".join(repr(str(file.path)) for file in files)
        raise ConfigError(
            f"run {run.name} was made in Python, where its task is; measure it from there: "
            f"parefront.beside({argument_of(run.path)!r}, {listed}, task=task)"
        )
    task = load_task(config.task, run.path) if task is None else task
    on_phase("checking that the task is the run's")
    found = [] if run.fingerprint is None else run.fingerprint.differences(fingerprint_of(task))
    if found:
        raise ConfigError(f"run {run.name} is of another task: {'; '.join(found)}; files are scored by the run's own")
    evaluator = BesideEvaluator(
        task,
        config.places(),
        uncompressed,
        protocol,
        config.search.images,
        config.search.seed,
        on_phase,
        partial(_check_devices, run),
    )
    try:
        here = replace(run.search_baseline, metrics=evaluator.reference)
        check_baseline(run.name, run.search_baseline, here)
    except BaseException:
        evaluator.close()
        raise
    return evaluator


def _uncompressed(run: Run) -> Path:
    """The file of the uncompressed model, as the run has measured it."""
    baseline = run.search_baseline
    path = baseline.artifact or run.path / "artifacts" / "baseline.onnx"
    if not os.path.lexists(path):
        raise ConfigError(
            f"run {run.name} lacks {path.name} in its artifacts, which others are timed against; go on with its search"
        )
    if sha256_of(path) != baseline.sha256:
        raise ConfigError(f"{path} is not the file that the run has measured; go on with its search")
    return path


def _check_ports(files: Sequence[NamedFile], uncompressed: Path, batch: int) -> None:
    """Raise ``ConfigError`` where a file cannot stand in the uncompressed model's place, before time is spent."""
    import onnx

    from .evaluators.runtimes.ports import Ports, StandIn

    wanted = Ports.of(onnx.load(uncompressed, load_external_data=False))
    for file in files:
        with _naming(file):
            StandIn.of(Ports.of(onnx.ModelProto.FromString(file.content)), wanted, batch)


@contextmanager
def _naming(file: NamedFile) -> Iterator[None]:
    """Add to a ``ConfigError`` which file it is about."""
    try:
        yield
    except ConfigError as error:
        raise ConfigError(f"{file.path}: {error}") from error


def _check_devices(run: Run, profiles: Mapping[str, DeviceProfile]) -> None:
    told = {name: profile.to_json() for name, profile in profiles.items()}
    run.check_devices({"device": told.pop("", None), "devices": told})
