"""``parefront measure``: the latency of a file on a device, interleaved with another one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from ..config.models import DeviceConfig
from ..config.schema import parse_device
from ..config.yaml_mapping import read_setting, read_yaml_mapping
from ..inspection.artifact import check_runnable
from ..inspection.measuring import latency_report
from ..spaces.errors import ConfigError


def show_latency(
    model: Path, against: Path, device: Sequence[str], shapes: Sequence[str], batch: int, as_json: bool
) -> None:
    """Measure, and print a table or JSON."""
    for path in (model, against):
        check_runnable(path)
    found = latency_report(model, against, read_device(device), read_shapes(shapes), batch)
    if as_json:
        print(json.dumps(found.to_json(), indent=2))
        return
    console = Console(highlight=False)
    for part in found.parts():
        console.print(part)


def read_device(settings: Sequence[str]) -> DeviceConfig:
    """A device from ``key=value`` settings and config files, the later ones over the earlier ones.

    Raises:
        ConfigError: for a file that is not there, an unknown key or a value that cannot be.
    """
    mapping: dict[str, object] = {}
    for setting in settings:
        if "=" in setting:
            key, value = read_setting(setting, "--device")
            mapping[key] = value
        else:
            config = read_yaml_mapping(Path(setting))
            if "device" not in config:
                several = ", ".join(config.get("devices") or {})
                hint = f"; it has devices: {several}; put the one to measure on under device" if several else ""
                raise ConfigError(f"{setting}: expected a section device: {{…}}{hint}")
            section = config["device"] or {}
            if not isinstance(section, dict):
                raise ConfigError(f"{setting}: device: expected a mapping, got {section!r}")
            mapping |= section
    return parse_device(mapping, "--device")


def read_shapes(texts: Sequence[str]) -> dict[str, list[int]]:
    """Shapes by the input's name from ``name=1x3x224x224``; ``ConfigError`` for anything else."""
    return dict(map(_shape, texts))


def _shape(text: str) -> tuple[str, list[int]]:
    name, _, sizes = text.partition("=")
    try:
        return name, [int(size) for size in sizes.split("x")]
    except ValueError:
        raise ConfigError(f"--shape: expected NAME=1x3x224x224, got {text!r}") from None
