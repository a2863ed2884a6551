"""That the knobs of a run's policies offer what they did when it was begun, whatever version began it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ....evaluators.results.fields import Fields
from ....spaces.errors import ConfigError
from ....spaces.runtime_knob import RUNTIME

if TYPE_CHECKING:
    from ....spaces.space import SearchSpace

GRAPH = "graph.json"
"""What a run keeps of its traced model: layers, coupled groups, knobs, and what is excluded and why. Runs of early
versions have none."""


def graph_of(folder: Path) -> Fields | None:
    """What a run's folder keeps of its network; None where it keeps nothing.

    Raises:
        UnreadableFile: where ``graph.json`` is damaged.
    """
    file = folder / GRAPH
    return Fields.read(file) if os.path.lexists(file) else None


def refuse_other_space(folder: Path, space: SearchSpace) -> None:
    """Raise ``ConfigError`` where a run was searched with a knob that has other choices here, or that is not there.

    The same config may mean another space in another version. Knobs that are there only here do not matter: policies
    without them leave them as they are. Runtimes are compared as devices are.

    Args:
        folder: of the run; nothing is known of one that has no ``graph.json``.
        space: what is searched here.

    Raises:
        UnreadableFile: where ``graph.json`` is damaged.
    """
    recorded = graph_of(folder)
    if recorded is None:
        return
    here = {knob.name: [*knob.choices] for knob in (*space, *space.fixed)}
    for knob in recorded.each("knobs"):
        name, there = knob.text("name"), _choices(knob)
        if name != RUNTIME and here.get(name) != there:
            offered = f"offers {here[name]}" if name in here else "does not exist"
            raise ConfigError(
                f"run {folder.name} was searched in another space, as by another version: knob {name} offered {there}, "
                f"and {offered} here; choose another name for the run"
            )


def _choices(knob: Fields) -> list[Any]:
    choices = knob.values.get("choices")
    if not isinstance(choices, list):
        raise knob.damaged(f"key {knob.within}.choices: expected a list, got {choices!r:.40}")
    return choices
