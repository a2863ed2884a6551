"""A user's folder in which a search has ended, for the tests of what comes after it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from parefront.cli import main as cli

SEARCH = ("search", "demo/search.yaml")


def write_project(folder: Path, task: str, config: Mapping[str, Any]) -> None:
    """``demo/task.py`` and ``demo/search.yaml`` in a folder."""
    (folder / "demo").mkdir()
    (folder / "demo" / "task.py").write_text(task)
    (folder / "demo" / "search.yaml").write_text(yaml.safe_dump(dict(config), sort_keys=False))


def searched_project(folder: Path, task: str, config: Mapping[str, Any], *settings: str) -> Path:
    """That folder with a finished run, ``demo``; ``settings`` are further arguments of the command."""
    write_project(folder, task, config)
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(folder)
        assert cli.main((*SEARCH, *settings)) == 0
    return folder
