"""Reads a YAML mapping from a file, and ``key=value`` settings to put over it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from ..spaces.errors import ConfigError

OVERRIDE = "--set"


def read_yaml_mapping(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file.

    Raises:
        ConfigError: where there is no such file, it is not YAML (with line and column), or not a mapping.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(f"there is no config file {path}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read as text: {error}") from None
    try:
        loaded = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"{path.name}: {_problem(error)}") from None
    if not isinstance(loaded, dict):
        kind = "an empty file" if loaded is None else f"a {type(loaded).__name__}"
        raise ConfigError(f"{path.name}: expected a mapping of settings (task: …), got {kind}")
    return loaded


def read_setting(text: str, option: str = OVERRIDE) -> tuple[str, Any]:
    """The key and the value of ``key=value``, the value in YAML.

    Raises:
        ConfigError: naming the command's ``option`` where it is not of that form.
    """
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise ConfigError(f"{option}: expected key=value, e.g. search.trials=40, got {text!r}")
    try:
        return key, yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise ConfigError(f"{option} {key}: {_problem(error)}") from None


def override(mapping: dict[str, Any], text: str) -> str:
    """Put ``section.key=value`` into a mapping, in place; return its key.

    Raises:
        ConfigError: where it is not of that form, or leads through something that is no section.
    """
    key, value = read_setting(text)
    *sections, last = key.split(".")
    place = mapping
    for section in sections:
        if place.get(section) is None:
            place[section] = {}
        place = place[section]
        if not isinstance(place, dict):
            raise ConfigError(f"{OVERRIDE} {key}: {section!r} is not a section in the config")
    place[last] = value
    return key


def _problem(error: yaml.YAMLError) -> str:
    problem = getattr(error, "problem", None) or "not valid YAML"
    mark = getattr(error, "problem_mark", None)
    where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    return f"{where}{problem}"
