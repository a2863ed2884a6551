"""``parefront retarget``: the candidates of a finished run on another device, with no accuracy run repeated."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..config.schema import parse_config, parse_device
from ..search.runs.identity.devices import device_differences, profiles
from ..search.runs.run import Run
from ..search.samplers.replay import replayed
from ..session import IN_PYTHON, Job, reachable, run_folder
from ..spaces.errors import ConfigError
from ..spaces.masking import masked, masked_text
from .measure import read_device
from .search import drive


def run_retarget(name: str, device: Sequence[str], new: str | None, promising: bool, root: Path) -> int:
    """Measure, show the front there and where it was written; return the exit code.

    The new run is an ordinary one: killed, the same command goes on with it, and ``front`` and ``export`` read it.

    Raises:
        ConfigError: where nothing can be taken from the run.
        NoCandidate: where the front is shown, but nobody on it meets the budget.
    """
    source = Run.open(name, root)
    if source.made_with.task == IN_PYTHON:
        reuse = f"{{'sampler': 'replay', 'sampler_options': {{'run': {name!r}}}, 'reuse_scores': {name!r}}}"
        raise ConfigError(
            f"run {source.name} was made in Python, where its task is; measure it anew from there: "
            f"parefront.compress(task, device=…, search={reuse}), compress and trials as before"
        )
    policies = replayed(source, promising)
    if not policies:
        raise ConfigError(f"run {source.name} has no candidate that was measured in full; go on with its search first")
    before = dict(next(iter(source.made_with.places.values())).settings)
    place = read_device(device).model_dump(mode="json") if device else before
    slug = _slug(device)
    if masked(place) == masked(before):
        slug = _slug([_another_machine(source, place)])
        if not slug:
            raise ConfigError(
                f"--device: expected another device than that of run {source.name}, e.g. --device threads=2"
            )
    config = parse_config(retargeted(source, place, len(policies), promising), source.name)
    folder = run_folder(new, root) if new else source.path.with_name(f"{source.name}-on-{slug}")
    return drive(Job.from_file(config, source.path / "config.yaml", folder, root))


def retargeted(source: Run, device: dict[str, Any], trials: int, promising: bool) -> dict[str, Any]:
    """The config of a run that measures ``source``'s candidates on another device."""
    path = str(source.path)
    search = {**source.config.get("search", {}), "sampler": "replay", "trials": trials, "reuse_scores": path}
    search |= {"sampler_options": {"run": path, "promising": promising}, "storage": None, "study": None}
    search["warm_start"] = None
    objectives = list(dict.fromkeys(without_device(text) for text in source.made_with.objectives))
    budgets = list(dict.fromkeys(without_device(text) for text in source.made_with.budget))
    return {
        **source.config,
        **{"device": device, "devices": {}, "search": search, "objectives": objectives, "budget": budgets},
        "recover": {},  # what was trained there is taken over
    }


def without_device(text: str) -> str:
    """``latency <= 30ms`` for ``latency@pi <= 30ms``: there is one device left."""
    return re.sub(r"@[\w-]+", "", text)


def _another_machine(source: Run, place: Mapping[str, Any]) -> str:
    """The processor and the runtime that a device's settings lead to, where these are not those of the run; else ""."""
    environment = reachable({"": parse_device(place, source.name).options()})
    if not device_differences(source.environment, environment):
        return ""
    here = profiles(environment)[""]
    return f"{here.cpu} {here.runs_on}"


def _slug(device: Sequence[str]) -> str:
    """``threads-2`` for ``threads=2``."""
    return re.sub(r"[^A-Za-z0-9]+", "-", "-".join(map(masked_text, device))).strip("-").lower()[:40]
