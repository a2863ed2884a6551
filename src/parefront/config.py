"""The config of a search: its sections, how it is read, and one clear line where it cannot be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from .invalid import explain
from .spaces import ConfigError

DEFAULT_COMPRESSORS = ("prune_channels", "drop_blocks", "quantize")
OVERRIDE_SOURCE = "--set"

Positive = Annotated[int, Field(ge=1)]


class Section(BaseModel):
    """A part of the config; unknown keys and values of another type are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class DeviceConfig(Section):
    """Where latency is measured."""

    threads: Positive = 1
    command: list[str] = []
    spinning: bool = False
    affinity: list[int] = []


class LatencyConfig(Section):
    """How long latency is measured for every candidate."""

    min_seconds: Annotated[float, Field(gt=0)] = 0.5
    min_samples: Positive = 64


class SearchConfig(Section):
    """Which candidates to try, and how many."""

    sampler: str = "auto"
    trials: Positive = 150
    seed: Annotated[int, Field(ge=0)] = 0
    images: Positive | None = None
    storage: str | None = None
    keep_artifacts: Literal["front", "all"] = "front"
    options: dict[str, Any] = {}


class Config(Section):
    """The whole config, as DESIGN's command line section shows it.

    Attributes:
        task: ``file.py:callable`` (the file relative to the config) or ``package.module:callable``.
        objectives: two or more metrics.
        budget: constraints such as ``"latency <= 0.5x"``.
        compress: options by compressor name; each compressor checks its own.
        device: where latency is measured.
        latency: for how long.
        search: which candidates to try, and how many.
    """

    task: str
    objectives: list[str] = ["accuracy", "latency"]
    budget: list[str] = []
    compress: dict[str, dict[str, Any]] = Field(default_factory=lambda: {name: {} for name in DEFAULT_COMPRESSORS})
    device: DeviceConfig = DeviceConfig()
    latency: LatencyConfig = LatencyConfig()
    search: SearchConfig = SearchConfig()

    def resolved(self) -> dict[str, Any]:
        """Every setting, defaults included, as plain values for YAML."""
        return self.model_dump(mode="json")


def load_config(path: Path, overrides: Sequence[str] = ()) -> Config:
    """Read a config file.

    Args:
        path: a YAML file.
        overrides: ``"search.trials=40"``: a dotted key and a value in YAML, put over what the file says.

    Raises:
        ConfigError: one line that names the file, the key and what was expected.
    """
    mapping = read_yaml_mapping(path)
    keys = [_override(mapping, override) for override in overrides]
    return parse_config(mapping, path.name, keys)


def parse_config(mapping: Mapping[str, Any], source: str, overridden: Sequence[str] = ()) -> Config:
    """Check a mapping and make a config of it.

    Args:
        mapping: as read from YAML.
        source: what messages call it, e.g. ``"search.yaml"``.
        overridden: dotted keys that came from ``--set``; messages about them say so.
    """
    try:
        config = Config.model_validate(_normalised(mapping))
    except ValidationError as error:
        message, key = explain(error, Config)
        raise ConfigError(f"{_source(key, source, overridden)}: {message}") from None
    _check_names(config, source, overridden)
    return config


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
        raise ConfigError(f"{path.name}: {_yaml_problem(error)}") from None
    if not isinstance(loaded, dict):
        kind = "an empty file" if loaded is None else f"a {type(loaded).__name__}"
        raise ConfigError(f"{path.name}: expected a mapping of settings (task: …), got {kind}")
    return loaded


def _override(mapping: dict[str, Any], override: str) -> str:
    """Put ``key=value`` into the mapping; return the key."""
    key, equals, text = override.partition("=")
    if not equals or not key:
        raise ConfigError(f"{OVERRIDE_SOURCE}: expected key=value, e.g. search.trials=40, got {override!r}")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"{OVERRIDE_SOURCE} {key}: {_yaml_problem(error)}") from None
    *sections, last = key.split(".")
    place = mapping
    for section in sections:
        if place.get(section) is None:
            place[section] = {}
        place = place[section]
        if not isinstance(place, dict):
            raise ConfigError(f"{OVERRIDE_SOURCE} {key}: {section!r} is not a section in the config")
    place[last] = value
    return key


def _normalised(mapping: Mapping[str, Any]) -> dict[str, Any]:
    """Spellings that people use: one budget without its list, ``quantize:`` with nothing behind it."""
    result = dict(mapping)
    if isinstance(result.get("budget"), str):
        result["budget"] = [result["budget"]]
    for section in ("budget", "device", "latency", "search"):
        if section in result and result[section] is None:
            del result[section]
    compress = result.get("compress")
    if isinstance(compress, dict):
        result["compress"] = {name: {} if options is None else options for name, options in compress.items()}
    return result


def _check_names(config: Config, source: str, overridden: Sequence[str]) -> None:
    """Check what other packages know: compressors and their options, metrics, budgets, samplers."""
    from .compressors.registry import find

    if not config.compress:
        raise ConfigError(f"{source}: compress: expected at least one of {', '.join(DEFAULT_COMPRESSORS)}, got none")
    for name, options in config.compress.items():
        where = _source(f"compress.{name}", source, overridden)
        try:
            model = find(name).Options
            model.model_validate(options)
        except ConfigError as error:
            raise ConfigError(f"{where}: compress: {error}") from None
        except ValidationError as error:
            message, _ = explain(error, model, prefix=f"compress.{name}.")
            raise ConfigError(f"{where}: {message}") from None


def _source(key: str, source: str, overridden: Sequence[str]) -> str:
    return OVERRIDE_SOURCE if any((key + ".").startswith(o + ".") or o.startswith(key + ".") for o in overridden) else source


def _yaml_problem(error: yaml.YAMLError) -> str:
    problem = getattr(error, "problem", None) or "not valid YAML"
    mark = getattr(error, "problem_mark", None)
    where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    return f"{where}{problem}"
