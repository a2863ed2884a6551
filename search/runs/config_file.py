"""``config.yaml`` of a run: read, written, and what is said where there is none."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from ...evaluators.results.errors import RunNotFound
from ...spaces.files import UnreadableFile, read_bytes
from ...spaces.limits import CONFIG_BYTES
from ...spaces.messages import first_line
from ...spaces.plain_yaml import NotYaml, parse_yaml

CONFIG = "config.yaml"
_DUMPER: type[yaml.SafeDumper] = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
"""libyaml's, with which PyYAML may have been built, takes a fifth of the time."""


def read_config(file: Path) -> dict[str, Any]:
    """The mapping in a run's config.

    Raises:
        UnreadableFile: where it holds no such thing.
    """
    try:
        config = parse_yaml(read_bytes(file, CONFIG_BYTES).decode())
    except (NotYaml, ValueError) as error:
        raise UnreadableFile(f"{file} is not YAML ({first_line(error)}); it is damaged, or was edited") from error
    if not isinstance(config, dict):
        raise UnreadableFile(f"{file}: expected a mapping, got {type(config).__name__}")
    return config


def config_text(config: Mapping[str, Any]) -> str:
    """The YAML of a config, its keys in their order."""
    return yaml.dump(dict(config), Dumper=_DUMPER, sort_keys=False, allow_unicode=True)


def plain(config: Mapping[str, Any]) -> dict[str, Any]:
    """The config as it will be read from the YAML that is written."""
    read: dict[str, Any] = parse_yaml(config_text(config))
    return read


def no_run(name: str | Path, path: Path, root: Path) -> RunNotFound:
    """That there is no run of that name at ``path``, with the names of those under ``root`` that are near."""
    known = sorted((p.parent for p in root.glob(f"*/{CONFIG}")), key=lambda p: p.stat().st_mtime, reverse=True)
    names = [folder.name for folder in known]
    near = difflib.get_close_matches(Path(name).name, names, n=3, cutoff=0.4)
    if near:
        hint = f"did you mean {' or '.join(repr(n) for n in near)}?"
    else:
        hint = f"there are: {', '.join(names[:5])}" if names else f"there are none under {root}"
    return RunNotFound(f"no run {str(name)!r} (looked for {path / CONFIG}); {hint}")
