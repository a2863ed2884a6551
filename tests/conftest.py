"""What all tests share: torch's generator in one state, one thread as they run side by side, an installed Parefront.

PyTorch is imported by the fixtures that need it: the process that only hands tests out to others does without.
"""

from __future__ import annotations

import gc
import importlib.util
import multiprocessing.util
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import pytest

from .installed import Environment, build_wheel, install
from .sharing import made_once

if TYPE_CHECKING:
    from parefront.evaluators.results.candidate import Candidate

MakeCandidate: TypeAlias = "Callable[..., Candidate]"

_UNITS = {"accuracy": "fraction", "accuracy_change": "fraction", "latency_ms": "ms", "latency_ratio": "x"}

SLOW = [
    "parefront/test_pool_search.py",
    "parefront/test_runtime_failures.py",
    "search/test_file_faults.py",
    "search/test_shared_study.py",
    "search/test_study_faults.py",
]
"""Much killing and starting again, which ten minutes have no room for; `PAREFRONT_SLOW=1 pytest` runs them, too."""
collect_ignore = [] if os.environ.get("PAREFRONT_SLOW") else SLOW

LONG = [
    "examples/test_notebook.py",
    "search/recovery/test_recover.py",
    "parefront/test_remote_search.py",
    "parefront/cli/test_runtime_commands.py",
    "evaluators/test_worker_fuzz.py",
    "search/executors/ray/test_devices.py",
    "search/executors/ray/test_executor.py",
    "parefront/recipes/test_follow.py",
    "examples/test_repair_and_sampler.py",
    "compressors/test_conformance.py",
    "search/test_sampler_conformance.py",
    "search/test_own_tasks.py",
]
"""Files that take longest go first, so that no worker has one of them left when the others have ended."""

MEMORY = Path("/dev/shm")
ROOM = 4 << 30
"""Bytes that have to be free there."""


def pytest_configure() -> None:
    """Write into memory where there is room and programs may be run: files on a disk took a twentieth of all time."""
    if "TMPDIR" not in os.environ and (folder := _in_memory()) is not None:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", folder)


def _in_memory() -> str | None:
    try:
        told = os.statvfs(MEMORY)
    except OSError:
        return None
    fits = told.f_bavail * told.f_frsize >= ROOM and not told.f_flag & os.ST_NOEXEC
    return str(MEMORY) if fits and os.access(MEMORY, os.W_OK) else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    ranks = {Path(__file__).parent / name: rank for rank, name in enumerate(LONG)}
    items.sort(key=lambda item: ranks.get(item.path, len(LONG)))


os.environ.setdefault("OMP_NUM_THREADS", "1")
gc.set_threshold(100_000)  # imports and the list of all tests leave hardly any garbage behind


@pytest.fixture(scope="session", autouse=True)
def exporting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    import torch

    from .exporting import (
        EXPORTS,
        equal_models_exported_once,
        garbage_collected_seldom,
        memory_read_once,
        one_table_of_operators,
    )

    torch.set_num_threads(1)
    exports = made_once(tmp_path_factory, "exports", lambda _: None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(EXPORTS, str(exports))
        with (
            garbage_collected_seldom(),
            one_table_of_operators(),
            equal_models_exported_once(exports),
            memory_read_once(exports),
        ):
            yield


@pytest.fixture(scope="session", autouse=True)
def not_flushed() -> Iterator[None]:
    """What is written stays in the system's memory, which outlives a killed process; the disk took 10 ms a file."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield


@pytest.fixture(scope="session", autouse=True)
def locks_of_its_own() -> Iterator[None]:
    """Of the tests that run side by side, none waits until another one has measured on this machine.

    Programs share the locks of a temporary folder. In their workers measurements exclude each other still.
    """
    multiprocessing.util.get_temp_dir()  # outside of the folder, as it is removed later
    root = os.environ.get("PYTEST_DEBUG_TEMPROOT")
    folder = tempfile.TemporaryDirectory(prefix="pf-", dir=root, ignore_cleanup_errors=True)
    with folder as path, pytest.MonkeyPatch.context() as patch:
        os.chmod(path, 0o755)  # of databases, too, which run as other users
        patch.setenv("TMPDIR", path)
        patch.setattr(tempfile, "tempdir", None)
        yield


@pytest.fixture(autouse=True)
def seeded() -> None:
    import torch

    torch.manual_seed(0)


@pytest.fixture
def on_threads() -> Iterator[Callable[[int], None]]:
    """``on_threads(3)``: torch computes on so many threads until the test ends."""
    import torch

    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


@pytest.fixture
def make_candidate() -> MakeCandidate:
    """``make_candidate(trial=3, accuracy=0.9, latency_ratio=0.5)``: exact metrics, a policy of its own."""
    from parefront.evaluators.results.candidate import Candidate
    from parefront.evaluators.results.measurement import Measurement
    from parefront.spaces.policy import Policy

    def make(trial: int | None = None, **metrics: float) -> Candidate:
        policy = Policy() if trial is None else Policy({"prune_channels/conv": trial})
        measured = {key: Measurement.exact(value, _UNITS.get(key, "")) for key, value in metrics.items()}
        return Candidate(policy, measured, trial=trial)

    return make


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if importlib.util.find_spec("pip") is None:
        pytest.skip("needs pip")
    return next((made_once(tmp_path_factory, "wheel", build_wheel) / "wheel").glob("*.whl"))


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """A fresh environment with Parefront and the plug-ins of ``examples/``, put there by pip."""

    def make(folder: Path) -> None:
        install(folder, wheel)

    return Environment(made_once(tmp_path_factory, "installed", make) / "environment")
