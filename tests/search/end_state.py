"""What a search leaves behind, so that two can be compared whatever happened to one of them on the way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import optuna

from parefront.search.runs.run_folder import is_locked
from parefront.spaces.files import UNFINISHED


def end_state(path: Path) -> dict[str, Any]:
    """All that a run leaves behind but times."""
    study = optuna.load_study(study_name=None, storage=f"sqlite:///{path / 'study.db'}")
    files = [*path.glob("trials/*"), *path.glob("final/*"), path / "front.json", path / "baseline.json"]
    state: dict[str, Any] = {str(f.relative_to(path)): without_times(json.loads(f.read_text())) for f in files}
    state["run"] = path.name
    state["artifacts"] = {f.name: f.read_bytes() for f in (path / "artifacts").iterdir()}
    state["study"] = [(t.number, t.state, t.params, t.values, t.user_attrs, t.system_attrs) for t in study.get_trials()]
    state["front.csv"] = (path / "front.csv").read_text()
    return state


def without_times(fields: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if key not in ("seconds", "timings", "run", "date")}


def leftovers(path: Path) -> list[str]:
    """What a run should not have after its last session: half-written files, a database set aside, its lock, and
    policies under way, or what is said of crashes."""
    names = [file.name for file in path.rglob("*") if UNFINISHED.fullmatch(file.name) or ".broken-" in file.name]
    names += [file.name for file in [*path.glob("asked/*"), *path.glob("crashed.txt")]]
    return [*names, *(["lock"] if is_locked(path) else [])]
