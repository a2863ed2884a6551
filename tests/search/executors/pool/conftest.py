"""Worker processes find what they evaluate with among these tests."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[4]


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """``tests`` can be imported, here and so in the processes that are started."""
    monkeypatch.setattr(sys, "path", [*sys.path, str(REPOSITORY)])


@pytest.fixture(autouse=True)
def locks(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Of their own, so that nobody's measurements elsewhere on this machine are waited for."""
    folder = tmp_path_factory.mktemp("locks")
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
