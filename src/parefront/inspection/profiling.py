"""What tracing finds in a model: layers, coupled groups of channels, knobs, and what is excluded and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from ..config.plain import plain
from ..config.schema import parse_config
from ..search.runs.events import Warned
from ..session import IN_PYTHON, Job
from ..spaces.account import account_json, listed
from ..spaces.network.graph import Exclusion, ModelGraph
from ..spaces.space import SearchSpace
from ..spaces.task import Task
from ..terminal.progress import view_for
from ..terminal.watching import View
from .profile_tables import profile_tables
from .rendered import rendered


@dataclass(frozen=True, repr=False)
class Profile:
    """A traced model and what may be changed in it.

    Attributes:
        graph: its layers, coupled groups and exclusions.
        space: the knobs of the methods chosen.
        memory: in words, about how much a search takes; "" where nobody has asked.
    """

    graph: ModelGraph
    space: SearchSpace
    memory: str = ""

    @property
    def excluded(self) -> list[Exclusion]:
        """What cannot be compressed, or no method chosen has a choice for, each with the reason."""
        return listed(self.graph, self.space)

    def to_json(self) -> dict[str, Any]:
        """What ``parefront profile --json`` prints."""
        return account_json(self.graph, self.space)

    def __repr__(self) -> str:
        return rendered(*profile_tables(self.graph, self.space, self.memory))


def profile(
    task: Task,
    *,
    compress: Mapping[str, Mapping[str, Any]] | None = None,
    device: Mapping[str, Any] | None = None,
    progress: bool = True,
) -> Profile:
    """Trace a model and list what may be changed in it; what ``parefront profile`` shows. Writes nothing.

    Args:
        task: model, data and metric.
        compress: options by compressor name, as in :func:`parefront.compress`.
        device: what candidates would be built for; by default this machine.
        progress: whether to show what is going on.

    Raises:
        ConfigError: where a setting cannot be.
        TaskError: where model, data and metric do not fit together.
    """
    given = {"compress": compress, "device": device}
    mapping = {"task": IN_PYTHON, **{name: plain(section) for name, section in given.items() if section is not None}}
    config = parse_config(mapping, "parefront.profile")
    job = Job(config, lambda: task, Path.cwd(), config.resolved())
    with view_for(Console(quiet=not progress), "profile") as view:
        return profile_of(job, view)


def profile_of(job: Job, view: View) -> Profile:
    """The profile of a job's model."""
    with job.evaluator(view.phase, lambda message: view.event(Warned(message))) as evaluator:
        graph = evaluator.traced.graph
        return Profile(graph, evaluator.space, f"a search takes {job.memory_need(graph)}")
