"""The floors that pyproject.toml declares are those that .ci/run installs and tests."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
NOT_TRIED = {"torch", "torchvision"}
"""What the floors' file says why it leaves out."""


def declared() -> dict[str, str]:
    """The lowest version of each package that the distribution or its tests need."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = [*project["dependencies"], *project["optional-dependencies"]["test"]]
    found: dict[str, str] = {}
    for requirement in needed:
        match = re.fullmatch(r"([\w-]+)(?:\[[\w,]+\])?>=([\d.]+)", requirement)
        assert match, f"{requirement} has no floor"
        assert found.setdefault(match[1], match[2]) == match[2], f"{match[1]} has two floors"
    return found


def test_every_declared_floor_is_the_version_that_is_tried() -> None:
    lines = [line for line in (ROOT / ".ci" / "floors.txt").read_text().splitlines() if not line.startswith("#")]
    tried = dict(line.split("==") for line in lines)
    floors = {name: version for name, version in declared().items() if name not in NOT_TRIED}
    assert tried.keys() == floors.keys()
    for name, version in floors.items():
        assert (tried[name] + ".0.0").startswith(f"{version}."), f"{name}: {tried[name]} is not the lowest {version}"
