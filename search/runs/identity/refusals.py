"""That a run is not gone on with, and why: another config, another task, another device; with what mends it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ....spaces.errors import ConfigError
from .devices import config_differences, device_differences
from .fingerprint import Fingerprint


def refuse_other_config(name: str, there: Mapping[str, Any], here: Mapping[str, Any]) -> None:
    """Raise ``ConfigError`` where the run ``name`` was made with another config, naming the first key that differs."""
    found = config_differences(there, here)
    for key, (before, now) in found.items():
        only_device = all(key.split(".")[0] in ("device", "devices", "order of devices") for key in found)
        mend = f"`parefront retarget {name}` measures it on another device; else " if only_device else ""
        raise ConfigError(
            f"run {name} was made with another config ({key}: {before!r} there, {now!r} here); "
            f"{mend}choose another name for the run"
        )


def refuse_other_task(name: str, there: Fingerprint | None, here: Fingerprint) -> None:
    """Raise ``ConfigError`` where the run ``name`` is of another task, naming all that differs."""
    found = there.differences(here) if there is not None else []
    if found:
        raise ConfigError(f"run {name} is of another task: {'; '.join(found)}; choose another name for the run")


def refuse_other_devices(name: str, there: Mapping[str, Any], here: Mapping[str, Any]) -> None:
    """Raise ``ConfigError`` where the run ``name`` was measured on other devices than those of an environment."""
    found = device_differences(there, here)
    if found:
        raise ConfigError(
            f"run {name} was measured on another device: {'; '.join(found)}; "
            f"`parefront retarget {name}` measures its candidates on this one, "
            f"`parefront front {name}` shows what was measured there"
        )
