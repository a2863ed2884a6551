"""Follows a recipe: one run after the other, each from the network that the one before has left, and a row of each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from ..callbacks.callback import Callback
from ..config.load import load_task
from ..config.models import Config
from ..config.recipe import SAME, RecipeConfig, StageConfig
from ..evaluators.quality.reading import read_sample
from ..evaluators.restore.module import ArtifactModule
from ..evaluators.restore.stored import StoredWeight
from ..evaluators.results.candidate import Candidate
from ..evaluators.results.errors import NoCandidate
from ..evaluators.results.metric import Metric
from ..search.runs.run import Run
from ..search.runs.run_folder import RUNS
from ..session import IN_PYTHON, Job, relocated
from ..spaces.errors import ConfigError
from ..spaces.files import write_json
from ..spaces.task import Task
from ..terminal.watching import View
from .row import Meter, Row
from .stage_configs import StageConfigs

RECIPE = "recipe.json"
"""In the folder of a recipe, once all stages are done: their rows, and the last one's file."""

Watch = Callable[[str], AbstractContextManager[View]]


@dataclass(frozen=True)
class Followed:
    """A recipe that was followed to its end.

    Attributes:
        folder: with a run for each stage.
        quality: the task's metric.
        rows: of the original network, and of each stage.
        runs: of the stages.
        final: the candidate that the last stage has left.
    """

    folder: Path
    quality: Metric
    rows: tuple[Row, ...]
    runs: tuple[Run, ...]
    final: Candidate

    def to_json(self) -> dict[str, Any]:
        """What ``parefront follow --json`` prints."""
        held = {"folder": str(self.folder), "metric": self.quality.to_json()}
        return {**held, "stages": [row.to_json() for row in self.rows], "final": str(self.final.artifact)}


@dataclass(frozen=True)
class Stage:
    """A stage that is done.

    Attributes:
        run: its own.
        start: the network that it started from; None for the original.
        left: the candidate that it has left.
    """

    run: Run
    start: nn.Module | None
    left: Candidate


@dataclass
class Following:
    """A recipe to be followed, or gone on with.

    Attributes:
        recipe: the stages.
        config: what holds in all of them.
        load: makes the task; called once.
        folder: where the runs of the stages are.
        root: where plain names of runs are looked up.
        callbacks: told of every stage's search.
        base: the folder of the config file; None of a task given in Python.
    """

    recipe: RecipeConfig
    config: Config
    load: Callable[[], Task]
    folder: Path
    root: Path = Path(RUNS)
    callbacks: Sequence[str | Callback] = ()
    base: Path | None = None
    done: list[Stage] = field(default_factory=list)

    @classmethod
    def from_file(cls, recipe: RecipeConfig, config: Config, path: Path, folder: Path, root: Path) -> Following:
        """Of a config read from ``path``, which its files are relative to."""
        base = path.parent
        return cls(recipe, config, lambda: load_task(config.task, base), folder, root, base=base)

    @cached_property
    def task(self) -> Task:
        """The original."""
        return self.load()

    def follow(self, watch: Watch, on_row: Callable[[Sequence[Row], Metric], None]) -> Followed:
        """Do each stage, or what is left of it, and measure what it leaves.

        A stage is a run in a folder of its own, gone on with as any run is; its row is written once it is measured.

        Args:
            watch: makes what watches the stage of that name.
            on_row: told all rows after each stage.

        Raises:
            ConfigError: where a stage cannot be, or was begun with other settings.
            NoCandidate: where nobody meets a stage's budget.
        """
        self._configs.check()
        rows: list[Row] = []
        meter: Meter | None = None
        for index, stage in enumerate(self.recipe.stages):
            start = self._start(index)
            with watch(self._name(index)) as view:
                run = self._job(index, start).search(view.phase, view.event)
                left = left_by(run, stage)
                self.done.append(Stage(run, start, left))
                rows = rows or [Row.of_original(run.baseline)]
                meter = meter or Meter(self.task, self.config, rows[0].artifact)
                view.phase("measuring it beside the original network")
                rows.append(_row(stage, run, left, meter))
            on_row(rows, run.settings.quality)
        last = self.done[-1]
        quality, runs = last.run.settings.quality, tuple(stage.run for stage in self.done)
        followed = Followed(self.folder, quality, tuple(rows), runs, last.left)
        write_json(self.folder / RECIPE, followed.to_json())
        return followed

    @cached_property
    def _configs(self) -> StageConfigs:
        return StageConfigs(self.recipe, self.config, self.base or Path.cwd())

    def _name(self, index: int) -> str:
        return f"{index + 1}-{self.recipe.stages[index].name}"

    def _job(self, index: int, start: nn.Module | None) -> Job:
        stage, path = self.recipe.stages[index], self.folder / self._name(index)
        policy = self.done[index - 1].left.policy.to_dict() if stage.policy == SAME else None
        config = self._configs.of(index, policy)
        if start is not None:
            made = replace(self.task, model=start)
            settings = {**config.resolved(), "task": IN_PYTHON}
            return Job(config, lambda: made, path, settings, self.root, self.callbacks, None, self._original)
        task = config.task if self.base is None else relocated(config.task, self.base, path)
        settings = {**config.resolved(), "task": task}
        return Job(config, lambda: self.task, path, settings, self.root, self.callbacks, self.base)

    def _original(self) -> nn.Module:
        return self.task.model

    def _start(self, index: int) -> nn.Module | None:
        """The network that the next stage starts from; None for the original."""
        if index == 0:
            return None
        if self.recipe.stages[index].policy == SAME:
            return self.done[index - 1].start
        return network_of(self.done[index - 1].left, self.task, self.recipe.stages[index - 1].name)


def _row(stage: StageConfig, run: Run, left: Candidate, meter: Meter) -> Row:
    """The row of what a stage has left: as it was kept, or measured and kept."""
    assert left.artifact is not None
    known = Row.read(run.path, left.artifact)
    if known is not None and known.sha256 == left.sha256:
        return known
    row = meter.row(stage.name, left, run.seconds)
    row.write(run.path)
    return row


def left_by(run: Run, stage: StageConfig) -> Candidate:
    """The candidate that a stage's run leaves: what the budget selects, or the only one, trained where that was taken.

    Raises:
        NoCandidate: where nobody meets the budget.
    """
    if stage.trials is not None:
        try:
            return run.front.select()
        except NoCandidate as error:
            raise NoCandidate(f"stage {stage.name}: {error}", error.nearest, error.binding) from None
    made = [record.candidate for record in run.trials if record.candidate is not None]
    return next(iter(run.front), None) or run.with_recovered(made)[0]


def network_of(candidate: Candidate, task: Task, stage: str) -> ArtifactModule:
    """What a candidate's file computes, in place of the task's model.

    Raises:
        ConfigError: where its weights are integers or shared, so that nothing can start from them as floats; and where
            the task's inputs or outputs are nested.
    """
    module = candidate.module().eval()
    stored = next((name for name, part in module.named_modules() if isinstance(part, StoredWeight)), None)
    if stored is not None:
        raise ConfigError(
            f"stage {stage} leaves weights that are integers or shared ({stored}), which no stage can start from; "
            "write policy: same to train what it did"
        )
    bare = isinstance(read_sample(task.calibration, 0, "task.calibration")[0], Tensor)
    if not bare or module.program.outputs != ("output",):
        raise ConfigError("follow: expected a network of one tensor as input and one as output; recipes take no others")
    return module
