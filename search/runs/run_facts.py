"""What a front was measured on and with: device, precision, threads, batch, the task's metric, the date."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ...evaluators.results.fields import Fields
from ...evaluators.results.metric import ACCURACY, Metric
from ...evaluators.runtimes.runtime import DEFAULT
from ...spaces.masking import masked_command
from .run_config import Place, RunConfig

FRONT = "front.json"
THIS_MACHINE = "this machine"
PRECISION = "as in the file"
"""ONNX Runtime computes in the types that the file has: float32 stays float32, int8 stays int8."""


def devices_of(config: RunConfig, environment: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """What is told of each device, by its name in the config; ``""`` where there is only one.

    Returns:
        ``name``, ``cpu``, ``runtime`` (name and version), ``precision``, ``threads``, ``batch``. Where the run's
        environment does not tell, as before its first session, CPU and version are empty. Where candidates were scored
        in another runtime than ONNX Runtime ``scored`` says in which, where, and ``because`` of what not here. Where
        the runtime is searched ``other_runtimes`` tells of the others, and ``scored_in`` lists the same of them.
    """
    profiles = environment.get("devices") or {"": environment.get("device")}
    scored = {"scored": dict(environment["scored"])} if isinstance(environment.get("scored"), Mapping) else {}
    scored |= {"scored_in": environment["scored_in"]} if environment.get("scored_in") else {}
    return {
        name: {**_device(name, profiles.get(name), place, config.batch), **scored}
        for name, place in config.places.items()
    }


def _device(name: str, profile: Any, place: Place, batch: int) -> dict[str, Any]:
    told = profile if isinstance(profile, Mapping) else {}
    runtime = str(told.get("runtime") or _first(place.settings.get("runtime")) or DEFAULT)
    usual = runtime == DEFAULT
    precision = str(told.get("precision") or _first(place.settings.get("precision")) or "")
    others = [_other(other) for other in told.get("others") or ()]
    return {
        "name": name or (" ".join(masked_command(place.command)) or THIS_MACHINE),
        "cpu": str(told.get("cpu", "")),
        "runtime": {"name": runtime, "version": str(told.get("onnxruntime" if usual else "runtime_version", ""))},
        "precision": PRECISION if usual else precision,
        **({"other_runtimes": others} if others else {}),
        "threads": place.threads,
        "batch": batch,
    }


def in_runtime(device: Mapping[str, Any], choice: str) -> dict[str, Any]:
    """What is told of one of :func:`devices_of`, of several runtimes of that one alone which a policy names.

    Args:
        choice: by its name in policies; ``""`` is the first one.
    """
    others = {str(other["choice"]): other for other in device.get("other_runtimes", ())}
    if not others:
        return dict(device)
    own = {key: others.get(choice, device)[key] for key in ("runtime", "precision")}
    told = {key: value for key, value in device.items() if key not in ("other_runtimes", "scored_in")} | own
    scored = next((each for each in device.get("scored_in", ()) if _is_of(each, own)), None)
    return told if scored is None else {**told, "scored": scored}


def _is_of(scored: Mapping[str, Any], own: Mapping[str, Any]) -> bool:
    return (scored.get("runtime"), scored.get("precision")) == (own["runtime"]["name"], own["precision"])


def place_in_words(device: Mapping[str, Any]) -> str:
    """Where one of :func:`devices_of` is: ``pi (Cortex-A76)``, and of this machine its processor alone."""
    name, cpu = str(device["name"]), str(device["cpu"])
    return f"{name} ({cpu})" if cpu and name != THIS_MACHINE else cpu or name


def precision_in_words(runtime: Mapping[str, Any]) -> str:
    """`` in bf16``, of a device or a further runtime of one; nothing of ONNX Runtime, which has no choice of it."""
    precision = runtime["precision"]
    return f" in {precision}" if precision and precision != PRECISION else ""


def _first(value: Any) -> str:
    """Of a setting that may be a list."""
    return str((value or [""])[0] if isinstance(value, list) else value or "")


def _other(told: Mapping[str, Any]) -> dict[str, Any]:
    """A further runtime of a device: its name in policies, name and version, and precision."""
    usual = told["runtime"] == DEFAULT
    version = str(told["onnxruntime" if usual else "runtime_version"])
    return {
        "choice": str(told["name"]),
        "runtime": {"name": str(told["runtime"]), "version": version},
        "precision": PRECISION if usual else str(told["precision"]),
    }


def date_of(folder: Path) -> str:
    """When the front in a run's folder was written, or where there is none the last trial; UTC, ISO 8601."""
    file = folder / FRONT
    if os.path.lexists(file):
        held = Fields.read(file)
        return held.text("date") if "date" in held else _stamp(file.stat().st_mtime)
    return _stamp(max((path.stat().st_mtime for path in _recorded(folder)), default=0.0))


def today() -> str:
    """The date of what is written at this moment."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def quality_in(environment: Mapping[str, Any]) -> Metric:
    """The task's metric as an evaluator or a run says it: top-1 accuracy where none is named."""
    fields = environment.get("metric")
    return Metric.from_json(fields) if fields else ACCURACY


def chance_in(environment: Mapping[str, Any]) -> float:
    """What guessing gives of the task's metric, where the evaluator knows; else 0."""
    told = environment.get("chance", 0.0)
    return float(told) if isinstance(told, int | float) and 0 <= told <= 1 else 0.0


def class_names_in(environment: Mapping[str, Any]) -> tuple[str, ...]:
    """What a classifier's classes are called, in the order of their labels; nothing where that is unknown."""
    told = environment.get("class_names")
    return tuple(map(str, told)) if isinstance(told, list) else ()


def runtimes_in(environment: Mapping[str, Any]) -> tuple[str, ...]:
    """The runtimes that are searched, by their names in policies, the first one first; nothing where there is one."""
    told = environment.get("runtimes")
    return tuple(map(str, told)) if isinstance(told, list) else ()


def _recorded(folder: Path) -> Iterator[Path]:
    yield from folder.glob("config.yaml")
    yield from folder.glob("trials/[0-9]*.json")


def _stamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
