"""What a killed ``explain`` leaves in the temporary folder, the next command clears away."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from parefront.evaluators.device import worker
from parefront.evaluators.device.device import Device

EXPLAIN = """
import sys
import tempfile
from pathlib import Path
from parefront.evaluators.device.device import Device
from parefront.evaluators.device.latency import LatencyProtocol
from parefront.evaluators.explain.explain import explain
protocol = LatencyProtocol(min_samples=8, min_seconds=0.01, max_seconds=0.03, warmup_seconds=0.01)
with Device() as device:
    while True:
        explain(device, Path(sys.argv[1]), Path(sys.argv[2]), protocol)
"""


def folders(temporary: Path) -> set[Path]:
    return set(temporary.glob(f"{worker.SCRATCH_PREFIX}*"))


def test_a_killed_process_group_leaves_no_folder_behind_once_a_device_is_used_again(
    tmp_path: Path, conv_net: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    command = [sys.executable, "-c", EXPLAIN, str(conv_net(4)), str(conv_net(8))]
    with subprocess.Popen(command, start_new_session=True) as explaining:
        while not folders(temporary):
            assert explaining.poll() is None
            time.sleep(0.002)
        os.killpg(explaining.pid, signal.SIGKILL)
    with Device() as device:
        assert device.profile.cores >= 1
    assert not folders(temporary)


def test_the_folder_of_a_process_that_lives_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / f"{worker.SCRATCH_PREFIX}dead").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / f"{worker.SCRATCH_PREFIX}link").symlink_to(tmp_path / "elsewhere")
    with worker.scratch_folder() as mine, worker.scratch_folder() as other:
        assert folders(tmp_path) == {Path(mine), Path(other), tmp_path / f"{worker.SCRATCH_PREFIX}link"}
    assert folders(tmp_path) == {tmp_path / f"{worker.SCRATCH_PREFIX}link"}
    assert (tmp_path / "elsewhere").is_dir()
