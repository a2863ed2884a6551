"""A fresh environment with Parefront as a wheel and every package of ``examples/``, as pip installs them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("spaces", "compressors", "evaluators", "search")
SOURCES = (*FOLDERS, "src", "pyproject.toml", "README.md", "LICENSE")
EXAMPLES = sorted(file.parent for file in (ROOT / "examples").glob("*/pyproject.toml"))
"""The plug-ins: each folder of ``examples/`` that is a package."""

OFFLINE = ("--no-deps", "--no-build-isolation", "--quiet")


BUILD = """
import os, sys
from setuptools import build_meta

wheels, *folders = sys.argv[1:]
for folder in folders:
    os.chdir(folder)
    build_meta.build_wheel(wheels)
"""
"""The wheels of folders, as pip has them built: with setuptools, but by one process, and not by three for each."""


@dataclass(frozen=True)
class Environment:
    """A virtual environment.

    Attributes:
        folder: of it.
    """

    folder: Path

    def run(self, command: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        """Run one of its commands, with nothing of the paths that Python finds our sources by."""
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        return subprocess.run(
            [self.folder / "bin" / command, *arguments], cwd=cwd, env=environment, capture_output=True, text=True
        )

    def parefront(self, *arguments: str, cwd: Path) -> str:
        """What ``parefront`` prints; it has to succeed."""
        done = self.run("parefront", *arguments, cwd=cwd)
        assert done.returncode == 0, done.stderr
        return done.stdout


def build_wheel(folder: Path) -> None:
    """The wheel, in ``wheel`` there; built from a copy of the sources, so that nothing is left in the repository."""
    sources, built = folder / "sources", folder / "wheel"
    for name in SOURCES:
        _copy(ROOT / name, sources / name)
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", *OFFLINE, "--wheel-dir", str(built), str(sources)],
        check=True,
        capture_output=True,
    )


def install(folder: Path, wheel: Path) -> None:
    """In ``environment`` there, one that has the wheel and the examples, sees this one's packages, but not our sources.

    The dependencies come in by a path, not by their ``.pth`` files: an editable install of this repository stays out.
    """
    made = folder / "environment"
    venv.create(made, with_pip=False, symlinks=True)
    paths = {"base": str(made), "platbase": str(made)}
    packages = Path(sysconfig.get_path("purelib", scheme="venv", vars=paths))
    dependencies = [path for path in sys.path if Path(path).name == "site-packages"]
    (packages / "dependencies.pth").write_text("\n".join(dependencies) + "\n")
    copies = [_copy(example, folder / "examples" / example.name) for example in EXAMPLES]
    (wheels := folder / "wheels").mkdir()
    subprocess.run([sys.executable, "-c", BUILD, *map(str, [wheels, *copies])], check=True, capture_output=True)
    pip = [sys.executable, "-m", "pip", "--python", str(made / "bin" / "python"), "install", "--no-index", *OFFLINE]
    subprocess.run([*pip, *map(str, [wheel, *wheels.iterdir()])], check=True, capture_output=True)


def _copy(origin: Path, copy: Path) -> Path:
    copy.parent.mkdir(parents=True, exist_ok=True)
    if origin.is_dir():
        shutil.copytree(origin, copy, symlinks=True, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    elif origin.exists():
        shutil.copy(origin, copy)
    return copy
