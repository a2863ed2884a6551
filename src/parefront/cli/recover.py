"""``parefront recover``: train members of a run's front, and measure the front again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from ..config.schema import load_config
from ..search.runs.config_file import CONFIG
from ..search.runs.run import Run
from ..session import IN_PYTHON, Job
from ..spaces.errors import ConfigError
from .search import drive

MINUTES = 10.0


def run_recover(
    name: str, minutes: float | None, steps: int | None, where: Sequence[str], overrides: Sequence[str], root: Path
) -> int:
    """Go on with a run as its config says, with the section ``recover`` as given here; returns the exit code.

    Raises:
        ConfigError: for a run whose task is in Python, and as :func:`load_config`.
        NoCandidate: where the front is shown, but nobody on it meets the budget.
    """
    source = Run.open(name, root)
    if source.made_with.task == IN_PYTHON:
        raise ConfigError(
            f"run {source.name} was made in Python, where its task is; train its front from there: "
            'parefront.compress(task, …, recover={"minutes": 10}), all else as before'
        )
    if minutes is None and steps is None and not source.recover.wanted:
        minutes = MINUTES
        print(f"nothing says how long to train: {MINUTES:g} minutes; --minutes N says otherwise", flush=True)
    given = {"minutes": minutes, "steps": steps} if minutes is not None or steps is not None else {}
    settings = [f"recover.{key}={json.dumps(value)}" for key, value in given.items()]
    settings += ["recover.when=front", *([f"recover.where={json.dumps(list(where))}"] if where else [])]
    path = source.path / CONFIG
    return drive(Job.from_file(load_config(path, [*settings, *overrides]), path, source.path, root), training=True)
