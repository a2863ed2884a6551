"""A finished search that is trained in these tests, and a copy of it for each."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from .recovering import made, session


@pytest.fixture(scope="module")
def closed() -> Iterator[None]:
    """Afterwards the evaluator of all sessions is closed."""
    yield
    made().close()
    made.cache_clear()


@pytest.fixture(scope="module")
def searched(closed: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished search, nothing of it trained."""
    return session(tmp_path_factory.mktemp("runs") / "run", {}).path


@pytest.fixture
def path(searched: Path, tmp_path: Path) -> Path:
    shutil.copytree(searched, tmp_path / "run")
    return tmp_path / "run"
