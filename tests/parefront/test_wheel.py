"""The wheel: built, installed without its sources in reach, every module imported, the command run."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Sequence
from pathlib import Path

from ..installed import FOLDERS, ROOT, Environment

IMPORT_ALL = """
import importlib, importlib.metadata, json, pkgutil, sys
import parefront
failed = {}
EXTRAS = ("ray",)  # what only those have who ask for it: pip install 'parefront[ray]'
for module in pkgutil.walk_packages(parefront.__path__, "parefront."):
    if module.name != "parefront.__main__":
        try:
            importlib.import_module(module.name)
        except Exception as error:
            if getattr(error, "name", None) not in EXTRAS:
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


def test_the_wheel_holds_every_module_once_and_no_bare_folder(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()

    own = [path.relative_to(ROOT / "src") for path in _modules(ROOT / "src", ["parefront"])]
    linked = [Path("parefront") / path.relative_to(ROOT) for path in _modules(ROOT, FOLDERS)]
    for module in {*own, *linked}:
        assert names.count(module.as_posix()) == 1, f"{module} is not in the wheel; see [tool.setuptools] packages"
    assert {name.split("/")[0] for name in names if not name.split("/")[0].endswith(".dist-info")} == {"parefront"}
    assert "parefront/py.typed" in names
    assert {f"parefront/report/{name}" for name in ("shell.html", "template.html", "page.css", "page.js")} <= set(names)
    assert {"parefront/recipes/staged.yaml", "parefront/recipes/integrated.yaml"} <= set(names)
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_every_module_imports_and_entry_points_load(installed: Environment, tmp_path: Path) -> None:
    done = installed.run("python", "-c", IMPORT_ALL, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])

    assert Path(found["file"]).is_relative_to(installed.folder)
    assert found["failed"] == {}
    assert {f"parefront.{folder}" for folder in FOLDERS} <= set(found["modules"])
    assert found["bare"] == []
    assert found["entry points"]["quantize"] == "parefront.compressors.integers.quantize"


def test_the_command_is_installed(installed: Environment, tmp_path: Path) -> None:
    done = installed.run("parefront", "--help", cwd=tmp_path)

    assert done.returncode == 0
    assert "search" in done.stdout


def _modules(root: Path, folders: Sequence[str]) -> list[Path]:
    """All modules, and the stubs that say what a folder exports."""
    return [path for folder in folders for suffix in ("py", "pyi") for path in (root / folder).rglob(f"*.{suffix}")]
