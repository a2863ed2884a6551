"""The side of a worker, without a cluster: what a killed one leaves on its node."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from parefront.search.executors.ray.worker import Worker

from ....waiting import until

WORKER = """
import time
from parefront.search.executors.ray.worker import Worker
worker = Worker(b"", None)
time.sleep(600)
"""


def test_a_killed_worker_leaves_no_folder_behind_once_another_one_has_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with subprocess.Popen([sys.executable, "-c", WORKER]) as killed:
        until(lambda: _folders(tmp_path) or killed.poll() is not None)
        killed.send_signal(signal.SIGKILL)
    (left,) = _folders(tmp_path)
    another = Worker(b"", lambda name, options: pytest.fail("no device is asked for"))
    (its_own,) = _folders(tmp_path)
    assert its_own != left
    another.close()
    assert list(tmp_path.iterdir()) == []


def _folders(path: Path) -> list[Path]:
    """Not the files that ``tempfile`` writes and removes at once when it looks for a place that it may write to."""
    return [one for one in path.iterdir() if one.is_dir()]
