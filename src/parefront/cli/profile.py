"""``parefront profile``: layers, coupled groups, knobs, and what is excluded and why."""

from __future__ import annotations

import json
from pathlib import Path

from rich.console import Console

from ..config.schema import load_config
from ..inspection.profile_tables import profile_tables
from ..inspection.profiling import profile_of
from ..session import Job
from ..terminal.progress import view_for
from .quiet import quiet, stdout_kept


def show_profile(path: Path, overrides: list[str], as_json: bool) -> None:
    """Print what tracing finds in the model of a config."""
    quiet()
    job = Job.from_file(load_config(path, overrides), path, None)
    with view_for(Console(stderr=True, quiet=as_json), path.name) as view, stdout_kept(as_json):
        found = profile_of(job, view)
    if as_json:
        print(json.dumps(found.to_json(), indent=2))
        return
    console = Console(highlight=False)
    for table in profile_tables(found.graph, found.space, found.memory):
        console.print(table)
