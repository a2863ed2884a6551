"""The layers of a run's network by name, and those that its config keeps from being changed."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path

from .config_file import CONFIG, read_config
from .identity.recorded_space import GRAPH, graph_of

ARTIFACTS = "artifacts"


def run_folder_of(artifact: Path) -> Path | None:
    """The folder of the run that a file lies in as one of its artefacts; None of any other file."""
    folder = artifact.resolve().parent
    found = folder.name == ARTIFACTS and all((folder.parent / name).is_file() for name in (GRAPH, CONFIG))
    return folder.parent if found else None


def layers_of(folder: Path) -> list[str]:
    """Names of the layers in execution order; none where the run does not tell.

    Raises:
        UnreadableFile: where ``graph.json`` is damaged.
    """
    recorded = graph_of(folder)
    return [] if recorded is None else [layer.text("name") for layer in recorded.each("layers")]


def left_out_of(folder: Path) -> dict[str, frozenset[str]]:
    """Layers by the method that leaves them as they are, since ``exclude`` of the config names them.

    Raises:
        UnreadableFile: where the config or ``graph.json`` is damaged.
    """
    methods = read_config(folder / CONFIG).get("compress")
    names = layers_of(folder)
    return {
        str(method): frozenset(name for name in names if any(fnmatchcase(name, pattern) for pattern in patterns))
        for method, options in (methods.items() if isinstance(methods, Mapping) else ())
        if (patterns := _patterns(options))
    }


def _patterns(options: object) -> list[str]:
    found = options.get("exclude") if isinstance(options, Mapping) else None
    return [found] if isinstance(found, str) else list(map(str, found)) if isinstance(found, list) else []
