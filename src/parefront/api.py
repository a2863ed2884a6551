"""The Python API: ``compress`` a task within a budget, get a ``Run``; ``follow`` a recipe of several runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from .callbacks.callback import Callback
from .config.plain import plain
from .config.recipe import parse_recipe
from .config.schema import parse_config
from .recipes.following import Followed, Following
from .recipes.shipped import load_recipe
from .recipes.table import stage_table
from .search.runs.run import Run
from .search.runs.run_folder import RUNS
from .session import IN_PYTHON, Job, interrupted, run_folder
from .signals import interruptible
from .spaces.task import Task
from .terminal.progress import view_for


def compress(
    task: Task,
    budget: str | Sequence[str] = (),
    trials: int = 150,
    *,
    objectives: Sequence[str] = ("accuracy", "latency"),
    compress: Mapping[str, Mapping[str, Any]] | None = None,
    device: Mapping[str, Any] | None = None,
    devices: Mapping[str, Mapping[str, Any]] | None = None,
    minutes: float | None = None,
    patience: int | None = None,
    search: Mapping[str, Any] | None = None,
    latency: Mapping[str, Any] | None = None,
    recover: Mapping[str, Any] | None = None,
    executor: str | Mapping[str, Any] | None = None,
    run: str | Path | None = None,
    root: str | Path = RUNS,
    callbacks: Sequence[str | Callback] = (),
    progress: bool = True,
) -> Run:
    """Search compressed versions of a model; what ``parefront search`` does with a config file.

    Called again with the same arguments it goes on with the run, or returns it where it is finished. A run is bound to
    its task: the weights, the data, the metric, the device.

    Args:
        task: model, data and metric.
        budget: constraints such as ``"latency <= 0.5x"``.
        trials: different policies to evaluate.
        objectives: two or more metrics.
        compress: options by compressor name; by default all three methods with their defaults.
        device: where latency is measured, e.g. ``{"threads": 4}``; by default this machine, one thread.
        devices: or several such, by name, for objectives and budgets on ``latency@name``.
        minutes: of searching, in all sessions, after which no further trial begins; by default no such limit.
        patience: trials without growth of the front's hypervolume after which the search ends; by default no limit.
        search: further settings of the section of that name: ``sampler``, ``seed``, ``images``, ``racing``,
            ``keep_artifacts``.
        latency: for how long it is measured, e.g. ``{"min_seconds": 1.0}``.
        recover: how the front is trained, e.g. ``{"minutes": 10}``; by default not at all.
        executor: where evaluations run: ``"local"``, or ``"pool"`` for several processes on this machine; or with
            settings, e.g. ``{"name": "pool", "workers": 4}``.
        run: name under ``root``, or a path; by default the name of the model's class, with a number where there is
            a run of another task or with other settings: ``resnet-2``.
        root: folder of the runs; also where other runs that the settings name are looked up.
        callbacks: told of the search: a :class:`parefront.Callback`, or the name of one: ``"markdown"``,
            ``"tensorboard"``, ``"mlflow"``. One that raises is told as a warning, and the search goes on.
        progress: whether to show what is going on.

    Raises:
        ConfigError: where a setting cannot be, or the named run was made with other ones, of another task or on
            another device.
        TaskError: where model, data and metric do not fit together.
        EveryTrialFailed: where no candidate could be measured.
        TrialsKeepFailing: where five trials in a row have failed of the same cause; what was found is kept.
        KeyboardInterrupt: at Ctrl-C, SIGTERM or SIGHUP, once the trial under way is done; the second one stops it at
            once. All trials that are done are kept.
    """
    sections = {"compress": compress, "device": device, "devices": devices, "latency": latency, "recover": recover}
    sections["executor"] = {"name": executor} if isinstance(executor, str) else executor
    limits = {"minutes": minutes, "patience": patience}
    mapping: dict[str, Any] = {
        "task": IN_PYTHON,
        "objectives": list(objectives),
        "budget": [budget] if isinstance(budget, str) else list(budget),
        "search": {**(search or {}), "trials": trials, **{key: v for key, v in limits.items() if v is not None}},
        **{name: plain(section) for name, section in sections.items() if section is not None},
    }
    config = parse_config(mapping, "parefront.compress")
    folder = run_folder(run if run is not None else type(task.model).__name__.lower(), Path(root))
    job = Job(config, lambda: task, folder, config.resolved(), Path(root), callbacks)
    try:
        with interruptible():
            if run is None:
                job = job.in_folder_of_its_own()
            with view_for(Console(quiet=not progress), job.run.name) as view:
                return job.search(view.phase, view.event)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(interrupted(job.run, "call")) from None


def follow(
    recipe: str | Path | Mapping[str, Any],
    task: Task,
    *,
    config: Mapping[str, Any] | None = None,
    run: str | Path | None = None,
    root: str | Path = RUNS,
    callbacks: Sequence[str | Callback] = (),
    progress: bool = True,
) -> Followed:
    """Follow a recipe; what ``parefront follow`` does with a config file.

    Called again with the same arguments it goes on with it, or returns what has come of it where it is finished.

    Args:
        recipe: the name of one that is shipped (``"staged"``), the path of a YAML file, or its mapping.
        task: the original network, data and metric.
        config: what holds in all stages: sections of the config by name, such as ``{"device": {"threads": 4}}``.
        run: name under ``root``, or a path, of the folder with a run for each stage; by default the name of the
            model's class and of the recipe.
        root: folder of the runs.
        callbacks: as of :func:`compress`, told of every stage's search.
        progress: whether to show what is going on, and a table after each stage.

    Raises:
        ConfigError: where recipe or config cannot be, a stage was begun with other settings or of another task.
        NoCandidate: where nobody meets the budget of a stage.
        KeyboardInterrupt: as :func:`compress`.
    """
    stages = parse_recipe(plain(recipe), "the recipe") if isinstance(recipe, Mapping) else load_recipe(recipe)
    called = "recipe" if isinstance(recipe, Mapping) else Path(recipe).stem
    settings = parse_config({**plain(config or {}), "task": IN_PYTHON}, "parefront.follow")
    folder = run_folder(run if run is not None else f"{type(task.model).__name__.lower()}-{called}", Path(root))
    following = Following(stages, settings, lambda: task, folder, Path(root), callbacks)
    console = Console(quiet=not progress, highlight=False)
    with interruptible():
        return following.follow(
            lambda stage: view_for(console, f"{folder.name}/{stage}"),
            lambda rows, quality: console.print(stage_table(rows, quality, console.width)),
        )
