"""A device behind OpenSSH, in its own network namespace: reached, cut off, hung; nothing is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from parefront.evaluators.device import channel
from parefront.evaluators.device.device import Device
from parefront.evaluators.device.device_options import DeviceOptions
from parefront.evaluators.device.errors import DeviceError
from parefront.evaluators.device.latency import LatencyProtocol, measure
from parefront.evaluators.runtimes.litert_runtime import LiteRt
from parefront.testing.devices import DeviceConformance

from ..remote import PYTHON, Host, another_host

QUICK = LatencyProtocol(min_samples=32, min_seconds=0.1, max_seconds=0.3, warmup_seconds=0.05)
LONG = LatencyProtocol(min_samples=10**9, min_seconds=5.0, max_seconds=10.0)

ConvNet = Callable[..., Path]


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    with another_host(tmp_path_factory.mktemp("host")) as board:
        yield board


@pytest.fixture
def options(host: Host) -> DeviceOptions:
    return DeviceOptions(command=host.command, python=PYTHON)


class TestOverSsh(DeviceConformance):
    @pytest.fixture
    def device(self, options: DeviceOptions) -> Iterator[Device]:
        with Device(options) as board:
            yield board


class TestOpenVinoOverSsh(DeviceConformance):
    """Its source goes the same way, beside the worker's."""

    @pytest.fixture
    def device(self, options: DeviceOptions) -> Iterator[Device]:
        pytest.importorskip("openvino", reason="the extra `openvino` is not installed")
        with Device(replace(options, runtime="openvino")) as board:
            yield board


def test_openvino_writes_nothing_into_the_home_of_who_logs_in(
    options: DeviceOptions, conv_net: ConvNet, tmp_path: Path
) -> None:
    """By itself it would keep there what it has told its maker."""
    pytest.importorskip("openvino", reason="the extra `openvino` is not installed")
    there = replace(options, command=(*options.command, "env", f"HOME={tmp_path}"), quote=True, runtime="openvino")
    with Device(there) as board:
        measure(board, conv_net(), conv_net(), QUICK)
    assert list(tmp_path.iterdir()) == []


def test_litert_is_sent_files_of_its_own_format(options: DeviceOptions, conv_net: ConvNet, tmp_path: Path) -> None:
    pytest.importorskip("ai_edge_litert", reason="the extra `litert` is not installed")
    own = tmp_path / "own.tflite"
    own.write_bytes(LiteRt().translated(conv_net().read_bytes()))
    with Device(replace(options, runtime="litert")) as board:
        for artifact in (conv_net(), own):
            assert measure(board, artifact, conv_net(), QUICK).runs >= QUICK.min_samples
        assert board.profile.runs_on.startswith("litert ")


def test_nothing_is_left_behind(options: DeviceOptions, conv_net: ConvNet, tmp_path: Path) -> None:
    mark = "parefront-test-nothing-is-left"
    with Device(replace(options, command=(*options.command, "env", f"MARK={mark}"), quote=True)) as board:
        measure(board, conv_net(), conv_net(), QUICK)
        assert _processes(mark)
    deadline = time.monotonic() + 60
    while _processes(mark) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _processes(mark)


def test_a_killed_connection_is_made_again_in_mid_measurement(
    host: Host, options: DeviceOptions, conv_net: ConvNet
) -> None:
    with Device(options) as board:
        _ = board.profile
        killer = threading.Timer(1.0, lambda: subprocess.run(["pkill", "-f", f"ssh -F {host.config}"], check=True))
        killer.start()
        latency = measure(board, conv_net(), conv_net(), replace(LONG, min_seconds=2.0, max_seconds=2.0))
        killer.join()
    assert 0.67 < latency.ratio.value < 1.5


def test_a_pulled_cable_is_noticed_and_the_device_given_up(
    host: Host, options: DeviceOptions, conv_net: ConvNet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channel, "_SILENCE_SECONDS", 5.0)
    with Device(options) as board:
        _ = board.profile
        timer = threading.Timer(1.0, host.unplug)
        timer.start()
        try:
            with pytest.raises(DeviceError, match="cannot reach ssh"):
                measure(board, conv_net(), conv_net(), LONG)
        finally:
            timer.join()
            host.plug()
        assert measure(board, conv_net(), conv_net(), QUICK).ratio.value > 0


def test_a_worker_that_hangs_is_ended_at_its_deadline(options: DeviceOptions, conv_net: ConvNet) -> None:
    mark = "parefront-test-hangs"
    marked = replace(options, command=(*options.command, "env", f"MARK={mark}"), quote=True)
    with Device(marked) as board:
        _ = board.profile
        board.options = replace(marked, deadline_seconds=4.0)  # a worker may take longer than that to start
        timer = threading.Timer(0.5, lambda: _send(mark, signal.SIGSTOP))
        timer.start()
        with pytest.raises(DeviceError, match="no answer to 'measure' within 4 s"):
            measure(board, conv_net(), conv_net(), LONG)
    _send(mark, signal.SIGKILL)


def _send(mark: str, number: signal.Signals) -> None:
    for process in _processes(mark):
        os.kill(process, number)


def _processes(mark: str) -> list[int]:
    """Processes whose environment has ``mark``."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (folder / "environ").read_bytes():
                found.append(int(folder.name))
        except OSError:
            continue
    return found
