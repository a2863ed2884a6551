"""The wheel: built, installed without its sources in reach, every module imported, the command run."""

from __future__ import annotations

import json
import os
import shutil
import site
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("spaces", "compressors", "evaluators", "search")
SOURCES = (*FOLDERS, "src", "pyproject.toml", "README.md", "LICENSE")

IMPORT_ALL = """
import importlib, importlib.metadata, json, pkgutil, sys
import parefront
failed = {}
for module in pkgutil.walk_packages(parefront.__path__, "parefront."):
    if module.name != "parefront.__main__":
        try:
            importlib.import_module(module.name)
        except Exception as error:
            failed[module.name] = repr(error)
distribution = importlib.metadata.distribution("parefront")
points = [point for point in distribution.entry_points if point.group.startswith("parefront.")]
print(json.dumps({
    "file": parefront.__file__,
    "version": distribution.version,
    "failed": failed,
    "modules": [name for name in sys.modules if name.startswith("parefront.")],
    "bare": [name for name in ("spaces", "compressors", "evaluators", "search") if name in sys.modules],
    "entry points": {point.name: point.load().__module__ for point in points},
}))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy of the sources, so that nothing is left behind in the repository."""
    sources, built = tmp_path_factory.mktemp("sources"), tmp_path_factory.mktemp("wheel")
    for name in SOURCES:
        origin = ROOT / name
        if origin.is_dir():
            shutil.copytree(
                origin, sources / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info")
            )
        elif origin.exists():
            shutil.copy(origin, sources / name)
    options = ("--no-deps", "--no-build-isolation", "--quiet", "--wheel-dir", str(built))
    subprocess.run([sys.executable, "-m", "pip", "wheel", *options, str(sources)], check=True, capture_output=True)
    return next(built.glob("*.whl"))


@pytest.fixture(scope="module")
def clean(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a virtual environment that has the wheel, and sees this one's packages but not our sources.

    The dependencies come in by a path, not by their ``.pth`` files: an editable install of this repository stays out.
    """
    folder = tmp_path_factory.mktemp("clean")
    venv.create(folder, with_pip=False, symlinks=True)
    paths = {"base": str(folder), "platbase": str(folder)}
    packages = Path(sysconfig.get_path("purelib", scheme="venv", vars=paths))
    (packages / "dependencies.pth").write_text("\n".join(site.getsitepackages()) + "\n")
    install = ("--python", str(folder / "bin" / "python"), "install", "--no-deps", "--no-index", "--quiet")
    subprocess.run([sys.executable, "-m", "pip", *install, str(wheel)], check=True, capture_output=True)
    return folder


def test_the_wheel_holds_every_module_once_and_no_bare_folder(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()

    own = [path.relative_to(ROOT / "src") for path in _modules(ROOT / "src", ["parefront"])]
    linked = [Path("parefront") / path.relative_to(ROOT) for path in _modules(ROOT, FOLDERS)]
    for module in {*own, *linked}:
        assert names.count(module.as_posix()) == 1, f"{module} is not in the wheel; see [tool.setuptools] packages"
    assert {name.split("/")[0] for name in names if not name.split("/")[0].endswith(".dist-info")} == {"parefront"}
    assert "parefront/py.typed" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_every_module_imports_and_entry_points_load(clean: Path, tmp_path: Path) -> None:
    done = _run(clean, tmp_path, "python", "-c", IMPORT_ALL)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])

    assert Path(found["file"]).is_relative_to(clean)
    assert found["failed"] == {}
    assert {f"parefront.{folder}" for folder in FOLDERS} <= set(found["modules"])
    assert found["bare"] == []
    assert found["entry points"]["quantize"] == "parefront.compressors.integers.quantize"


def test_the_command_is_installed(clean: Path, tmp_path: Path) -> None:
    done = _run(clean, tmp_path, "parefront", "--help")

    assert done.returncode == 0
    assert "search" in done.stdout


def _modules(root: Path, folders: Sequence[str]) -> list[Path]:
    """All modules, and the stubs that say what a folder exports."""
    return [path for folder in folders for suffix in ("py", "pyi") for path in (root / folder).rglob(f"*.{suffix}")]


def _run(clean: Path, folder: Path, command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the clean environment, with nothing of the paths that Python finds our sources by."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        [clean / "bin" / command, *arguments], cwd=folder, env=environment, capture_output=True, text=True
    )
