"""Reads a config from a file or a mapping, with one clear line where it cannot be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ..spaces.errors import ConfigError
from ..spaces.masking import MASK, remember_secrets_in
from .checks import unknown_names
from .invalid import explain
from .models import Config, DeviceConfig
from .yaml_mapping import OVERRIDE, override, read_yaml_mapping


def load_config(path: Path, overrides: Sequence[str] = ()) -> Config:
    """Read a config file.

    Args:
        path: a YAML file.
        overrides: ``"search.trials=40"``: a dotted key and a value in YAML, put over what the file says.

    Raises:
        ConfigError: one line that names the file, the key and what was expected.
    """
    mapping = read_yaml_mapping(path)
    keys = [override(mapping, text) for text in overrides]
    return parse_config(mapping, path.name, keys)


def parse_config(mapping: Mapping[str, Any], source: str, overridden: Sequence[str] = ()) -> Config:
    """Check a mapping and make a config of it.

    Args:
        mapping: as read from YAML; sections with nothing in them have their defaults.
        source: what messages call it, e.g. ``"search.yaml"``.
        overridden: dotted keys that came from ``--set``; messages about them say so.

    Raises:
        ConfigError: one line that names the source, the key and what was expected.
    """
    remember_secrets_in(mapping)
    try:
        config = Config.model_validate({key: value for key, value in mapping.items() if value is not None})
        _refuse_masked(config.resolved(), source)
        key, problem = next(unknown_names(config), ("", ""))
    except ValidationError as error:
        problem, key = explain(error, Config)
    if problem:
        by_option = any(f"{key}.".startswith(f"{o}.") or o.startswith(f"{key}.") for o in overridden)
        raise ConfigError(f"{OVERRIDE if by_option else source}: {problem}")
    return config


def parse_device(mapping: Mapping[str, Any], source: str) -> DeviceConfig:
    """The section ``device`` alone.

    Raises:
        ConfigError: one line that names the source, the key and what was expected.
    """
    remember_secrets_in({"device": dict(mapping)})
    _refuse_masked({"device": dict(mapping)}, source)
    try:
        return DeviceConfig.model_validate(dict(mapping))
    except ValidationError as error:
        raise ConfigError(f"{source}: {explain(error, DeviceConfig)[0]}") from None


def _refuse_masked(config: Mapping[str, Any], source: str) -> None:
    """What a run has masked when it wrote its config cannot be used from there."""
    devices: dict[str, Any] = {"device": config.get("device")}
    for name, units in (config.get("devices") or {}).items():
        several = units if isinstance(units, list) else None
        devices |= (
            {f"devices.{name}": units}
            if several is None
            else {f"devices.{name}.{index}": unit for index, unit in enumerate(several)}
        )
    read = {
        f"{key}.{part}": (d or {}).get(part) for key, d in devices.items() for part in ("command", "provider_options")
    }
    for key, value in {**read, "search.storage": (config.get("search") or {}).get("storage")}.items():
        if MASK in str(value):
            raise ConfigError(
                f"{source}: the secret in {key} is masked ({MASK}), as in the config that a run keeps; "
                f"give the real one, as in the config that the run was made with, or by a variable of the environment: "
                f"--set '{key}={_EXAMPLES.get(key, '[…, ${NAME}, …]')}'"
            )


_EXAMPLES = {"search.storage": "${PAREFRONT_STORAGE}"}
