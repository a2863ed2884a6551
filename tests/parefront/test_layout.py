"""One package: the four folders are parefront's, never packages of their own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("spaces", "compressors", "evaluators", "search")


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_folder_is_linked_into_the_package(folder: str) -> None:
    link = ROOT / "src" / "parefront" / folder

    assert link.is_symlink()
    assert link.resolve() == ROOT / folder
    assert not Path(link.readlink()).is_absolute()


def test_no_bare_folder_is_ever_imported() -> None:
    """In this process, after whatever tests have run, and in a fresh one started in the repository."""
    assert not set(FOLDERS) & set(sys.modules)
    code = (
        "import sys, parefront, parefront.api, parefront.cli.search, parefront.cli.doctor, parefront.cli.measure\n"
        f"print(sorted(set({FOLDERS}) & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
