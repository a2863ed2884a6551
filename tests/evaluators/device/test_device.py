"""Devices behind command prefixes, workers that die, and what is said when a device cannot be reached."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import logging
import os
import signal
import socket
import stat
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from parefront.evaluators.device import liveness, lock, worker
from parefront.evaluators.device.device import Device
from parefront.evaluators.device.device_options import DeviceOptions
from parefront.evaluators.device.device_profile import DeviceProfile
from parefront.evaluators.device.errors import DeviceError, DeviceUnreachable, RequestRefused
from parefront.evaluators.device.latency import LatencyProtocol, summarise
from parefront.evaluators.device.timing import Timing
from parefront.evaluators.quality.inference import run_outputs
from parefront.evaluators.runtimes.registry import runtime_of

QUICK = LatencyProtocol(min_samples=8, min_seconds=0.01, max_seconds=0.03, warmup_seconds=0.01).for_worker()
ConvNet = Callable[..., Path]


def worker_pid(device: Device) -> int:
    assert device._connection is not None
    return device._connection[0]._process.pid


def script(path: Path, body: str) -> Path:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def assert_times(timing: Timing) -> None:
    assert len(timing.candidate) == len(timing.reference) >= 2
    assert all((block.wall_ns > 0).all() for block in timing.candidate + timing.reference)


def test_this_machine_says_what_it_is(device: Device) -> None:
    profile = device.profile
    assert profile.cores >= 1
    assert profile.memory_bytes > 1 << 28
    assert "CPUExecutionProvider" in profile.providers
    assert DeviceProfile.from_json(profile.to_json()) == profile
    assert device.name == "this machine"


@pytest.mark.parametrize(
    ("machine", "flags", "signed", "width"),
    [
        ("x86_64", ("avx2", "avx512f"), False, 16),
        ("AMD64", ("avx2",), False, 8),
        ("aarch64", ("asimd", "asimddp"), True, 8),
        ("arm64", ("asimd", "asimddp"), True, 8),
        ("armv7l", ("neon",), True, 4),
    ],
)
def test_a_profile_tells_how_to_quantise_and_how_to_round_channels(
    device: Device, machine: str, flags: tuple[str, ...], signed: bool, width: int
) -> None:
    profile = replace(device.profile, machine=machine, flags=flags)
    assert (profile.signed_activations, profile.vector_width) == (signed, width)


@pytest.mark.parametrize(
    "command",
    [(), ("env",), ("bash", "-c", 'exec "$@"', "--"), ("bash", "-c", 'echo "Welcome to the board"; exec "$@"', "--")],
)
def test_the_worker_is_streamed_through_a_command_prefix(command: tuple[str, ...], conv_net: ConvNet) -> None:
    with Device(DeviceOptions(command, python=sys.executable)) as remote:
        assert_times(remote.time(conv_net(), conv_net(8), QUICK))


def test_a_prefix_that_goes_through_a_shell_is_quoted(tmp_path: Path, conv_net: ConvNet) -> None:
    ssh = script(tmp_path / "ssh", 'shift; exec sh -c "$*"')  # what sshd does with the arguments
    with Device(DeviceOptions((str(ssh), "pi@raspberry"), python=sys.executable)) as remote:
        assert_times(remote.time(conv_net(), conv_net(), QUICK))


def test_a_model_is_timed_against_itself_in_two_sessions(device: Device, conv_net: ConvNet) -> None:
    assert_times(device.time(conv_net(), conv_net(), QUICK))


def test_several_threads_and_a_pinned_core_work(conv_net: ConvNet) -> None:
    with Device(DeviceOptions(threads=2)) as two:
        timing = two.time(conv_net(), conv_net(8), QUICK)
        assert_times(timing)
        assert not timing.detects_preemption
    core = min(os.sched_getaffinity(0))
    with Device(DeviceOptions(core=core)) as pinned:
        assert pinned.profile.cores == 1


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino", "ncnn", "litert"])
def test_a_killed_worker_is_started_again(conv_net: ConvNet, runtime: str) -> None:
    if runtime_of(runtime).version() is None:
        pytest.skip(f"the extra `{runtime}` is not installed")
    with Device(DeviceOptions(runtime=runtime)) as device:
        device.time(conv_net(), conv_net(8), QUICK)
        first = worker_pid(device)
        os.kill(first, signal.SIGKILL)
        assert_times(device.time(conv_net(), conv_net(8), QUICK))
        assert worker_pid(device) != first


def test_a_closed_device_starts_a_worker_again(conv_net: ConvNet) -> None:
    device = Device()
    device.time(conv_net(), conv_net(8), QUICK)
    device.close()
    assert_times(device.time(conv_net(), conv_net(8), QUICK))
    device.close()


def test_the_worker_ends_with_its_device() -> None:
    with Device() as device:
        assert device.profile
        pid = worker_pid(device)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (DeviceOptions(("no-such-program-anywhere",)), "cannot start 'no-such-program-anywhere'"),
        (DeviceOptions(("env",), python="no-such-python"), "no-such-python"),
        (DeviceOptions(("sh", "-c", "echo ssh: host pi is down >&2; exit 255")), "status 255.*host pi is down"),
        (DeviceOptions(("sh", "-c", "yes please")), "expected an answer's frame"),
        (DeviceOptions(("sh", "-c", "exec sleep 60"), deadline_seconds=0.2), "no answer to 'hello' within"),
        (DeviceOptions(core=4096), "core 4096"),
        (DeviceOptions(("env", "PYTHONHASHSEED=x"), python=sys.executable), "PYTHONHASHSEED"),
    ],
)
def test_an_unreachable_device_raises_one_clear_line(options: DeviceOptions, says: str) -> None:
    with Device(options) as device, pytest.raises(DeviceError, match=says) as raised:
        _ = device.profile
    assert "\n" not in str(raised.value)


def test_an_error_of_a_device_does_not_tell_its_password() -> None:
    options = DeviceOptions(
        ("sh", "-c", "echo cannot log in with --password s3cret >&2; exit 5", "sshpass", "-p", "s3cret")
    )
    with Device(options) as device, pytest.raises(DeviceUnreachable) as raised:
        _ = device.profile
    assert "s3cret" not in str(raised.value)
    assert "sshpass -p *** " in device.name + " "


def test_a_python_without_onnxruntime_is_told_what_to_install(tmp_path: Path) -> None:
    bare = script(tmp_path / "bare", 'python="$1"; shift; exec "$python" -S "$@"')
    device = Device(DeviceOptions((str(bare),), python=sys.executable))
    with device, pytest.raises(RequestRefused, match="pip install onnxruntime") as raised:
        _ = device.profile
    assert raised.value.code == "runtime"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_what_the_terminal_sends_to_all_of_its_programs_ends_no_measurement(
    number: signal.Signals, conv_net: ConvNet
) -> None:
    """Nor what carries it, such as ssh."""
    prefix = (sys.executable, "-c", "import subprocess, sys; sys.exit(subprocess.call(sys.argv[1:]))")
    with Device(DeviceOptions(command=prefix, python=sys.executable)) as device:
        assert device.profile.cores
        carrier = worker_pid(device)
        for process in (carrier, *children_of(carrier)):
            os.kill(process, number)
        assert_times(device.time(conv_net(), conv_net(8), QUICK))
        assert worker_pid(device) == carrier, "it is the same one"


def children_of(process: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def test_a_worker_that_dies_again_is_given_up(conv_net: ConvNet) -> None:
    killed: set[int] = set()
    done = threading.Event()

    def kill_every_worker() -> None:
        while not done.wait(0.05):
            if device._connection is not None and worker_pid(device) not in killed:
                killed.add(worker_pid(device))
                os.kill(worker_pid(device), signal.SIGKILL)

    killer = threading.Thread(target=kill_every_worker, daemon=True)
    long = {**QUICK, "min_seconds": 5.0, "max_seconds": 5.0}
    with Device() as device:
        killer.start()
        with pytest.raises(DeviceError, match="so did the one before it"):
            device.time(conv_net(), conv_net(8), long)
        done.set()
        killer.join()
    assert len(killed) == 2


def test_a_refusal_leaves_the_worker_alive(device: Device, tmp_path: Path, conv_net: ConvNet) -> None:
    _ = device.profile
    before = worker_pid(device)
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"not a model")
    with pytest.raises(RequestRefused, match=r"rejects the model|not an ONNX model"):
        device.time(broken, conv_net(), QUICK)
    with pytest.raises(FileNotFoundError):
        device.time(tmp_path / "missing.onnx", conv_net(), QUICK)
    assert_times(device.time(conv_net(), conv_net(), QUICK))
    assert worker_pid(device) == before


def test_a_file_that_was_replaced_is_loaded_again(device: Device, tmp_path: Path, conv_net: ConvNet) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(conv_net(4).read_bytes())
    device.time(path, conv_net(), QUICK)
    path.write_bytes(b"not a model")
    with pytest.raises(RequestRefused):
        device.time(path, conv_net(), QUICK)


def test_a_worker_that_stays_stopped_is_given_up_and_another_one_is_started(
    conv_net: ConvNet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(liveness, "STOPPED_SECONDS", 0.6)
    with Device(DeviceOptions(deadline_seconds=60)) as device:
        _ = device.profile
        stopped = worker_pid(device)
        os.kill(stopped, signal.SIGSTOP)
        device.options = DeviceOptions(deadline_seconds=0.3)
        with pytest.raises(DeviceError, match=f"no answer to 'load' within 0 s: .*process {stopped}\\) is stopped"):
            device.time(conv_net(), conv_net(), QUICK)
        device.options = DeviceOptions(deadline_seconds=60)
        assert_times(device.time(conv_net(), conv_net(), QUICK))
        assert worker_pid(device) != stopped


def test_a_stopped_worker_is_waited_for_beyond_the_deadline(
    conv_net: ConvNet, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The line that tells of it lets it go on here, after longer than the deadline."""
    monkeypatch.setattr(liveness, "SAY_SECONDS", 2.0)

    class Continued(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if f"kill -CONT {stopped}" in record.getMessage():  # others may measure, and be waited for, meanwhile
                os.kill(stopped, signal.SIGCONT)

    with Device(DeviceOptions(deadline_seconds=60)) as device:
        assert_times(device.time(conv_net(), conv_net(), QUICK))
        stopped = worker_pid(device)
        os.kill(stopped, signal.SIGSTOP)
        device.options = DeviceOptions(deadline_seconds=1.5)
        logging.getLogger("parefront").addHandler(handler := Continued())
        try:
            assert_times(device.time(conv_net(), conv_net(), QUICK))
        finally:
            logging.getLogger("parefront").removeHandler(handler)
        assert worker_pid(device) == stopped, "it is the same one"
    assert f"kill -CONT {stopped} lets it go on" in caplog.text


def test_memory_grows_with_the_model(device: Device, conv_net: ConvNet) -> None:
    small, large = (device.memory(conv_net(channels, 3), repeats=1) for channels in (4, 256))
    assert small.unit == "bytes"
    assert large.value - small.value > 2 * 256 * 256 * 9 * 4


@pytest.mark.parametrize(
    "options",
    [{"threads": 0}, {"threads": 2, "core": 0}, {"providers": ()}, {"deadline_seconds": 0}],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"threads|provider|deadline"):
        DeviceOptions(**options)


def test_only_one_process_at_a_time_measures_on_a_device(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    held = lock.exclusive("pi")
    with held, pytest.raises(DeviceError, match="others have been measuring"), lock.exclusive("pi", seconds=0.05):
        pass
    with lock.exclusive("pi", seconds=0.05), lock.exclusive("other", seconds=0.05):
        pass


def test_a_model_that_is_loaded_can_be_profiled_though_its_bytes_are_kept_no_longer(
    conv_net: ConvNet, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    text = Path(worker.__file__).read_text()
    small = tmp_path / "worker.py"
    small.write_text(text.replace("MAX_CACHED_BYTES = 1 << 28", "MAX_CACHED_BYTES = 1"))
    monkeypatch.setattr("parefront.evaluators.device.device._WORKER", small)
    with Device() as device:
        candidate, reference = device.operators(conv_net(4), conv_net(8), rounds=1)
    assert candidate.operators
    assert reference.operators


def test_operators_are_profiled_at_the_batch_that_is_asked_for(conv_net: ConvNet) -> None:
    with Device() as device:
        one, many = (
            sum(
                operator.us
                for operator in device.operators(conv_net(8), conv_net(8), rounds=2, batch=batch)[0].operators
            )
            for batch in (1, 256)
        )
    assert many > 5 * one


def test_work_is_shared_but_waits_for_a_measurement(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with lock.shared("pi"), lock.shared("pi", seconds=0.05):
        refused = pytest.raises(DeviceError, match="others have been measuring")
        with refused, lock.exclusive("pi", seconds=0.05):
            pass
    with lock.exclusive("pi"), pytest.raises(DeviceError), lock.shared("pi", seconds=0.05):
        pass


def test_a_measurement_that_waits_goes_before_the_next_step_of_work(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            with lock.shared("pi"):
                time.sleep(0.05)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    held = 0
    try:
        for _ in range(5):
            with lock.exclusive("pi", seconds=60):
                held += 1
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert held == 5


def test_a_process_forked_meanwhile_does_not_keep_the_lock(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with lock.exclusive("pi"):
        child = os.fork()
        if child == 0:
            time.sleep(60)
            os._exit(0)
    try:
        with lock.exclusive("pi", seconds=30):
            assert os.waitpid(child, os.WNOHANG) == (0, 0), "the child has ended, so this shows nothing"
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def test_accuracy_runs_pause_while_somebody_measures_here(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, conv_net: ConvNet
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    images = np.zeros((4, 3, 8, 8), np.float32)
    done = threading.Event()

    def score() -> None:
        run_outputs(conv_net(), images)
        done.set()

    with lock.exclusive(lock.THIS_MACHINE):
        thread = threading.Thread(target=score)
        thread.start()
        assert not done.wait(0.5)
    assert done.wait(120)
    thread.join()


def test_the_lock_is_held_while_measuring(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, conv_net: ConvNet) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with Device() as device:
        assert device.profile
        assert not list(tmp_path.iterdir())
        device.time(conv_net(), conv_net(), QUICK)
    (folder,) = tmp_path.iterdir()
    gate_and_lock = list(folder.iterdir())
    assert len(gate_and_lock) == 2
    assert {stat.S_IMODE(path.stat().st_mode) for path in gate_and_lock} == {0o600}
    for path in gate_and_lock:
        with path.open() as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_folder_that_others_can_write_into_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    place = tmp_path / f"parefront-{os.getuid()}"
    place.mkdir()
    place.chmod(0o777)
    with (
        pytest.raises(DeviceUnreachable, match="is in the way: expected a folder that this user alone"),
        lock.shared("pi"),
    ):
        pass
    place.rmdir()
    place.symlink_to(tmp_path)
    with pytest.raises(DeviceUnreachable, match="is in the way"), lock.shared("pi"):
        pass


@pytest.mark.skipif(not Path("/proc/locks").exists(), reason="the system does not tell who holds a lock")
def test_a_wait_says_whom_it_waits_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(lock, "SAY_SECONDS", 0.02)
    refused = pytest.raises(DeviceUnreachable, match=f"process {os.getpid()} \\(.*python.* holds ")
    with lock.exclusive("pi"), refused, lock.shared("pi", seconds=0.1):
        pass
    assert caplog.records[0].message.startswith(f"waiting for process {os.getpid()} (")
    assert len(caplog.records) == 1
    with lock.exclusive("pi"), pytest.raises(DeviceUnreachable), lock.shared("pi", seconds=0.1):
        pass
    assert len(caplog.records) == 1, "a search waits before every reading, and has said so"


on_linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="abstract sockets are Linux's")


@pytest.fixture
def somebody_measures() -> Iterator[socket.socket]:
    """Holds what the worker of another computer would hold, once nobody else does."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as name:
        for _ in range(6000):
            with contextlib.suppress(OSError):
                name.bind(worker.ALONE)
                name.listen(1024)
                break
            time.sleep(0.01)
        yield name


DEADLINE = 6.0


@on_linux
def test_a_worker_waits_while_another_computers_measures_there(
    somebody_measures: socket.socket, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, conv_net: ConvNet
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    done = threading.Event()

    def measured() -> None:
        with Device(DeviceOptions(deadline_seconds=DEADLINE)) as device:
            assert device.profile.cores, "to ask for a profile disturbs nobody"
            device.time(conv_net(), conv_net(), QUICK)
        done.set()

    thread = threading.Thread(target=measured)
    thread.start()
    assert not done.wait(1.25 * DEADLINE), "and its deadline counts from when it is served"
    somebody_measures.close()
    assert done.wait(120)
    thread.join()


@on_linux
def test_the_name_is_held_until_it_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "ALONE", f"\0parefront-test-{os.getpid()}")
    with contextlib.ExitStack() as other:
        with contextlib.ExitStack() as one:
            assert worker.taken(one)
            assert not worker.taken(other)
        assert worker.taken(other)


@on_linux
def test_where_sockets_are_forbidden_a_worker_measures_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*arguments: object) -> None:
        raise PermissionError(errno.EPERM, "no sockets of this family here")

    monkeypatch.setattr(socket, "socket", forbidden)
    with contextlib.ExitStack() as held:
        assert worker.taken(held)


@pytest.mark.usefixtures("somebody_measures")
@on_linux
def test_who_waits_too_long_is_told_and_no_model_is_blamed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, conv_net: ConvNet
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("parefront.evaluators.device.device.BUSY_SECONDS", 1.0)
    with (
        Device(DeviceOptions(deadline_seconds=2.0)) as device,
        pytest.raises(
            DeviceUnreachable, match=rf"measuring there for 1 s; process {os.getpid()} of user \d+ \("
        ) as told,
    ):
        device.time(conv_net(), conv_net(), QUICK)
    assert not isinstance(told.value, RequestRefused)


@pytest.fixture
def a_squatter() -> Iterator[None]:
    """Holds the name and tells nobody who it is, as a process of another user may."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as name:
        for _ in range(6000):
            with contextlib.suppress(OSError):
                name.bind(worker.ALONE)
                break
            time.sleep(0.01)
        yield


@pytest.mark.usefixtures("a_squatter")
@on_linux
def test_another_users_process_keeps_nobody_from_measuring_but_makes_it_noisy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, conv_net: ConvNet
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with Device(DeviceOptions(deadline_seconds=4.0)) as device:
        timing = device.time(conv_net(), conv_net(), QUICK)
    latency = summarise(timing, LatencyProtocol())
    assert latency.noisy
    assert "a process of another user may have measured there, too" in latency.why_noisy
