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
from ..spaces.network.graph import Exclusion, ModelGraph
from ..spaces.space import SearchSpace
from ..spaces.task import Task
from ..terminal.progress import view_for
from ..terminal.watching import View
from .account import ends_of, listed, offered_params
from .profile_tables import profile_tables
from .rendered import rendered


@dataclass(frozen=True, repr=False)
class Profile:
    """A traced model and what may be changed in it.

    Attributes:
        graph: its layers, coupled groups and exclusions.
        space: the knobs of the methods chosen.
    """

    graph: ModelGraph
    space: SearchSpace

    @property
    def excluded(self) -> list[Exclusion]:
        """What cannot be compressed, or no method chosen has a choice for, each with the reason."""
        return listed(self.graph, self.space)

    def to_json(self) -> dict[str, Any]:
        """What ``parefront profile --json`` prints."""
        return profile_json(self.graph, self.space)

    def __repr__(self) -> str:
        return rendered(*profile_tables(self.graph, self.space))


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
        return Profile(evaluator.traced.graph, evaluator.space)


def profile_json(graph: ModelGraph, space: SearchSpace) -> dict[str, Any]:
    """The profile as plain values."""
    left_out = listed(graph, space)
    return {
        "params": graph.params,
        "macs": graph.macs,
        "model_params": {
            "total": sum(layer.owned for layer in graph) + sum(exclusion.params for exclusion in graph.excluded),
            "offered": offered_params(graph, space),
            "listed": sum(exclusion.params for exclusion in left_out),
        },
        "layers": [
            {
                "name": layer.name,
                "kind": layer.kind,
                "in_shape": list(layer.in_shape),
                "out_shape": list(layer.out_shape),
                "kernel": list(layer.kernel),
                "stride": list(layer.stride),
                "groups": layer.groups,
                "params": layer.params,
                "macs": layer.macs,
                "model_params": layer.owned,
            }
            for layer in graph.layers
        ],
        "groups": [
            {"name": group.name, "channels": group.channels, "unit": group.unit, **ends_of(group)}
            for group in graph.groups
        ],
        "knobs": [
            {
                "name": knob.name,
                "compressor": knob.compressor,
                "target": knob.target,
                "choices": list(knob.choices),
                "neutral": knob.neutral,
            }
            for knob in space
        ],
        "excluded": [{"name": e.name, "reason": e.reason, "model_params": e.params} for e in left_out],
    }
