"""A worker that is stopped, starved, at work or hangs is told apart, and given the time that it deserves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from parefront.evaluators.device import liveness
from parefront.evaluators.device.channel import Channel
from parefront.evaluators.device.errors import DeviceError, WorkerDied
from parefront.evaluators.device.liveness import Patience, Process

TICKS = os.sysconf("SC_CLK_TCK")
SECONDS = 0.02


class Told(Process):
    """A process of which a folder tells what the test says."""

    def __init__(self, proc: Path, computes: bool = True) -> None:
        super().__init__(42, computes, proc)
        (proc / "42" / "task" / "42").mkdir(parents=True)
        self.proc = proc
        self.is_now("S")

    def is_now(self, state: str, cpu: float = 0.0, waited: float = 0.0) -> None:
        fields = [state, *["0"] * 10, str(int(cpu * TICKS)), "0", *["0"] * 30]
        (self.proc / "42" / "stat").write_text(f"42 (a name) of) {' '.join(fields)}\n")
        (self.proc / "42" / "task" / "42" / "schedstat").write_text(f"0 {int(waited * 1e9)} 7\n")


@pytest.fixture
def told(tmp_path: Path) -> Told:
    return Told(tmp_path)


def over(process: Process, silence: float = float("inf")) -> Patience:
    """A request whose deadline has just passed."""
    patience = Patience(process, SECONDS, silence)
    while patience.left() > 0:
        time.sleep(SECONDS / 4)
    return patience


def test_one_that_gets_no_processor_has_three_times_as_long_again(told: Told, caplog: pytest.LogCaptureFixture) -> None:
    patience = Patience(told, SECONDS, float("inf"))
    grants = 0
    for turn in range(1, 10):
        while patience.left() > 0:
            time.sleep(SECONDS / 4)
        told.is_now("R", cpu=0.1, waited=100.0 * turn)
        if not patience.extended():
            break
        grants += 1
    assert grants == 3
    assert "the machine is busy: 0.1 s of a processor in" in caplog.text
    assert "the worker (process 42) was starved: 0.1 s of a processor in" in patience.found()


def test_one_that_waits_for_its_memory_from_the_disk_counts_as_starved(told: Told) -> None:
    patience = Patience(told, SECONDS, float("inf"))
    told.is_now("D")
    while patience.left() > 0:
        time.sleep(SECONDS / 4)
    patience.look()
    assert patience.extended()


@pytest.mark.parametrize(
    ("cpu", "says"),
    [(100.0, "was computing all the while; a greater device.deadline_seconds"), (0.0, "hangs: it had 0.0 s of a")],
)
def test_one_that_computes_and_one_that_hangs_get_no_more_time(told: Told, cpu: float, says: str) -> None:
    patience = over(told)
    told.is_now("S", cpu)
    assert not patience.extended()
    assert says in patience.found()


def test_the_time_for_which_it_is_stopped_does_not_count(told: Told) -> None:
    patience = Patience(told, SECONDS, SECONDS)
    told.is_now("T")
    for _ in range(3):
        while patience.left() > 0:
            time.sleep(SECONDS / 4)
        patience.look()
        assert patience.left() > 0
    told.is_now("S")
    while patience.left() > 0:
        time.sleep(SECONDS / 4)
    patience.look()
    assert patience.left() <= 0


def test_of_a_worker_elsewhere_its_last_sign_of_life_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    patience = over(Told(tmp_path, computes=False))
    patience.heard()
    assert "the worker there is alive, its last sign of life came 0 s ago" in patience.found()
    monkeypatch.setattr(liveness, "ALIVE_SECONDS", 0.0)
    assert "the connection is cut, or the worker there is stopped or starved" in patience.found()
    assert not patience.extended(), "what leads there needs no processor"


def test_what_the_system_tells_of_a_real_process() -> None:
    before = Process(os.getpid()).spent()
    while Process(os.getpid()).spent().cpu < before.cpu + 0.05:
        sum(range(10_000))
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        os.kill(child.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, child.pid, os.WSTOPPED | os.WNOWAIT)
        assert Process(child.pid).stopped
        os.kill(child.pid, signal.SIGCONT)
        os.waitid(os.P_PID, child.pid, os.WCONTINUED | os.WNOWAIT)
        assert not Process(child.pid).stopped
        child.kill()
    assert Process(child.pid).state == "", "it is gone"


def test_a_killed_process_is_told_at_once_and_not_at_the_deadline() -> None:
    channel = Channel([sys.executable, "-c", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"], computes=True)
    with pytest.raises(WorkerDied, match="ended with signal 9"):
        channel.request({"op": "hello"}, seconds=600)


def test_the_error_of_a_deadline_says_that_the_process_hung() -> None:
    channel = Channel(["sleep", "60"], computes=True)
    with pytest.raises(DeviceError, match=r"no answer to 'hello' within 1 s: the worker \(process \d+\) (hangs|was)"):
        channel.request({"op": "hello"}, seconds=1.0)
