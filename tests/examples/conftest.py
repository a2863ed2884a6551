"""What the doctor says where every example is installed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from ..installed import Environment
from ..sharing import made_once


@dataclass(frozen=True)
class Doctor:
    """``parefront doctor``.

    Attributes:
        table: as it is printed.
        report: with ``--json``.
    """

    table: str
    report: str


@pytest.fixture(scope="session")
def doctor(installed: Environment, tmp_path_factory: pytest.TempPathFactory) -> Doctor:
    def make(folder: Path) -> None:
        (folder / "table").write_text(installed.parefront("doctor", cwd=folder))
        (folder / "report").write_text(installed.parefront("doctor", "--json", cwd=folder))

    said = made_once(tmp_path_factory, "doctor", make)
    return Doctor((said / "table").read_text(), (said / "report").read_text())
