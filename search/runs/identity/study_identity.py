"""What the controllers of a shared study have to have in common, and what two of them differ in."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ....evaluators.results.fields import Fields
from ....spaces.masking import masked
from ....spaces.space import SearchSpace
from .devices import config_differences, device_differences
from .fingerprint import Fingerprint

_KEYS = ("objectives", "budget", "compress", "latency")
"""Of a config; where its devices are, how it searches and how much of that may differ."""


def identity_of(
    config: Mapping[str, Any], environment: Mapping[str, Any], task: Fingerprint | None, space: SearchSpace
) -> dict[str, Any]:
    """What a controller is about, as plain values without secrets.

    Args:
        config: of its run.
        environment: as its evaluator tells it, with the profiles of its devices.
        task: what its task is told apart by, where that is known.
        space: that it searches.
    """
    knobs = json.dumps([[knob.name, list(knob.choices)] for knob in space])
    shown = {key: config[key] for key in _KEYS if config.get(key) is not None}
    images = (config.get("search") or {}).get("images")
    told = {key: environment[key] for key in ("device", "devices", "metric") if key in environment}
    return {
        "config": masked({**shown, **({"search": {"images": images}} if images is not None else {})}),
        "environment": masked(told),
        "task": None if task is None else task.to_json(),
        "space": {"knobs": len(space), "sha256": hashlib.sha256(knobs.encode()).hexdigest()},
    }


def identity_differences(there: Mapping[str, Any], here: Mapping[str, Any], study: str) -> list[str]:
    """What two controllers differ in, in words; empty where they may search in one study.

    Args:
        there: what the study was begun with, read from a database: whatever it is.
        here: this controller's, by :func:`identity_of`.
        study: its name, for messages.

    Raises:
        UnreadableFile: where what was read is no identity.
    """
    fields, mine = Fields(Path(f"study {study}"), dict(there)), Fields(Path("here"), dict(here))
    configs = config_differences(fields.fields("config").values, mine.fields("config").values)
    found = [f"another config ({key}: {its!r} there, {ours!r} here)" for key, (its, ours) in configs.items()]
    if fields.values.get("task") is not None and mine.values.get("task") is not None:
        found += Fingerprint.of(fields.fields("task")).differences(Fingerprint.of(mine.fields("task")))
    space, own = fields.fields("space"), mine.fields("space")
    if space.text("sha256") != own.text("sha256") and not found:
        found.append(f"other knobs ({space.count('knobs')} there, {own.count('knobs')} here)")
    environment, ours = fields.fields("environment").values, mine.fields("environment").values
    found += [f"another device: {what}" for what in device_differences(environment, ours)]
    if environment.get("metric") != ours.get("metric") and not found:
        found.append("another metric")
    return found
