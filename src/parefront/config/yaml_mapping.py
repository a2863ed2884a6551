"""Reads a YAML mapping from a file, and ``key=value`` settings to put over it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ..spaces.errors import ConfigError
from ..spaces.files import read_bytes
from ..spaces.limits import CONFIG_BYTES
from ..spaces.plain_yaml import NotYaml, parse_yaml

OVERRIDE = "--set"


def read_yaml_mapping(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file.

    Raises:
        ConfigError: where there is no such file, it is not YAML (with line and column), not a mapping, or too
            large; see :mod:`parefront.spaces.limits`.
    """
    if not os.path.lexists(path):
        raise ConfigError(f"there is no config file {path}")
    try:
        text = read_bytes(path, CONFIG_BYTES, follow=True).decode()
        loaded = parse_yaml(text)
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} cannot be read as text: {error}") from None
    except NotYaml as error:
        raise ConfigError(f"{path.name}: {error}") from None
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
        return key, parse_yaml(value)
    except NotYaml as error:
        raise ConfigError(f"{option} {key}: {error}") from None


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
