"""Whether a run may be gone on with, or its results used: that its config, its task and its devices are the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ....evaluators.device.device_profile import DeviceProfile
from ....spaces.files import UnreadableFile
from ....spaces.masking import masked
from ....spaces.variables import expanded_where_known
from ..run_config import first_units

MAY_CHANGE = ("search.trials", "search.minutes", "search.patience", "search.keep_artifacts", "callbacks")
"""Keys of a config that may differ when a run is gone on with; all others would make it another search."""
ADDED = {"search.final": "front", "search.pictures": 24}
"""Keys that configs of earlier versions do not have, with what was done then."""
SECTIONS = ("executor", "recover")
"""Sections that may differ, too: where evaluations run, which no result depends on; how the front is trained, which is
recorded with what it gives."""


def config_differences(there: Mapping[str, Any], here: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """The keys that two configs differ in, with both values; not those that may. Any secret equals any other.

    Variables of the environment are compared by what they stand for, where they are known; of several like devices the
    first, since each session makes sure that the others agree with it.
    """
    before, after = (ADDED | flat(masked(expanded_where_known(_with_first_units(c)))) for c in (there, here))
    before["order of devices"], after["order of devices"] = (
        ", ".join(devices) if isinstance(devices := config.get("devices") or {}, Mapping) else repr(devices)
        for config in (there, here)
    )
    found = {}
    for key in sorted(before.keys() | after.keys()):
        pair = before.get(key), after.get(key)
        absent = not key.startswith("compress.") and {} in pair and None in pair
        may_change = key in MAY_CHANGE or key.split(".")[0] in SECTIONS
        if pair[0] != pair[1] and not absent and not may_change:
            found[key] = pair
    return found


def _with_first_units(config: Mapping[str, Any]) -> dict[str, Any]:
    """A config with one device each under ``devices``."""
    devices = config.get("devices")
    return {**config, "devices": first_units(devices)} if isinstance(devices, Mapping) else dict(config)


def flat(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """``{"search.trials": 150, …}``; keys whose value is null count as absent."""
    found: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{prefix}{key}.") or {f"{prefix}{key}": {}}
        elif value is not None:
            found[f"{prefix}{key}"] = value
    return found


def device_differences(there: Mapping[str, Any], here: Mapping[str, Any]) -> list[str]:
    """What the devices in two runs' environments differ in, in words; of those alone that are in both.

    Raises:
        UnreadableFile: where what was recorded is no device's profile.
    """
    found = []
    for name, profile in profiles(there).items():
        other = profiles(here).get(name)
        if other is not None:
            found += [f"{what} of {name}" if name else what for what in profile.differences(other)]
    return found


def profiles(environment: Mapping[str, Any]) -> dict[str, DeviceProfile]:
    """The devices of an environment by name; without those that are told by their name alone.

    Raises:
        UnreadableFile: where what was recorded is no device's profile.
    """
    named = environment.get("devices")
    given = {"": environment.get("device"), **(named if isinstance(named, Mapping) else {})}
    try:
        return {name: DeviceProfile.from_json(p) for name, p in given.items() if isinstance(p, Mapping)}
    except (LookupError, TypeError, ValueError) as error:
        raise UnreadableFile(
            f"environment.json: the device's profile there cannot be read ({type(error).__name__}: {error}); the file "
            "is damaged, or was edited: restore it, or search in another run"
        ) from error
