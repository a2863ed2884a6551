"""A search in two runtimes over a command prefix, whose worker, file, or own process fails on the way."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from parefront.cli import main as cli
from parefront.evaluators.device.channel import Channel
from parefront.evaluators.device.device import Device
from parefront.evaluators.device.errors import WorkerDied
from parefront.evaluators.runtimes import registry
from parefront.evaluators.runtimes.openvino_runtime import OpenVino
from parefront.evaluators.storage.provenance import runtime_of_file
from parefront.evaluators.trial.evaluate import BASELINE
from parefront.search.runs.record import Outcome as Ended
from parefront.search.runs.run import Run
from parefront.spaces.runtime_knob import runtime_in

from ..forked import forked
from .conftest import TASK, Command

pytestmark = pytest.mark.skipif(importlib.util.find_spec("openvino") is None, reason="OpenVINO is not installed")

THERE = "openvino:f32"
SEARCH = ("search", "demo/search.yaml")
CONFIG: dict[str, Any] = {
    "task": "task.py:task",
    "compress": {"quantize": {}},
    "device": {
        "command": "env", "python": sys.executable, "runtime": ["onnxruntime", "openvino"], "precision": ["f32"],
        "deadline_seconds": 60,
    },
    "latency": {"min_samples": 8, "min_seconds": 0.03, "max_seconds": 0.05, "warmup_seconds": 0.005},
    "search": {"trials": 5, "sampler": "random", "seed": 3, "keep_artifacts": "all", "racing": False},
}  # fmt: skip


def write(folder: Path) -> Path:
    (folder / "demo").mkdir(exist_ok=True)
    (folder / "demo" / "task.py").write_text(TASK)
    (folder / "demo" / "search.yaml").write_text(yaml.safe_dump(CONFIG))
    return folder


@pytest.fixture(autouse=True)
def small(project: Path) -> Path:
    return write(project)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a search leaves behind that nothing happens to."""
    folder = write(tmp_path_factory.mktemp("whole"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert cli.main(SEARCH) == 0
    return left_by(Run.open(folder / "runs" / "demo"))


def left_by(run: Run) -> dict[str, Any]:
    """All but what is timed."""
    candidates = [record.candidate for record in run.trials if record.candidate is not None]
    return {
        "policies": [record.policy for record in run.trials],
        "files": [candidate.sha256 for candidate in candidates],
        "scores": [candidate.metrics["accuracy"] for candidate in candidates],
        "anchors": set(json.loads((run.path / "artifacts" / "anchors.json").read_text())),
    }


def test_workers_that_are_killed_while_they_time_cost_the_search_nothing(
    run: Command, monkeypatch: pytest.MonkeyPatch, whole: dict[str, Any]
) -> None:
    request, timed, died = Channel.request, list[str](), list[str]()

    def killing(self: Channel, fields: Mapping[str, Any], payload: bytes = b"", **more: Any) -> dict[str, Any]:
        if fields["op"] == "measure":
            timed.append(runtime_of_request(fields))
            if len(timed) % 3 == 1 and len(died) < 6:
                threading.Timer(0.02, os.kill, (self._process.pid, signal.SIGKILL)).start()
        try:
            return request(self, fields, payload, **more)
        except WorkerDied:
            died.append(timed[-1])
            raise

    monkeypatch.setattr(Channel, "request", killing)
    outcome = run(*SEARCH)
    assert outcome.code == 0, outcome.err
    assert len(died) == 6
    assert set(died) == {"onnxruntime", "openvino"}
    assert left_by(Run.open("demo")) == whole


def runtime_of_request(fields: Mapping[str, Any]) -> str:
    """What the candidate of a reading runs in."""
    options = {**fields.get("options", {}), **fields["candidate"].get("options", {})}
    return str(options.get("runtime", "onnxruntime"))


def killed_while_timing(kind: str) -> int:
    """A search that ends with its process while the second file of that kind is read: of anchors, or of trials."""
    asked, files = Device._asked_of_both, list[Path]()

    def killing(self: Device, op: str, candidate: Path, *given: Any, **more: Any) -> Any:
        is_anchor = candidate.name.startswith("anchor-")
        if candidate.name != BASELINE and is_anchor == (kind == "anchors") and candidate not in files:
            files.append(candidate)
            if len(files) == 2:
                threading.Timer(0.02, os.kill, (os.getpid(), signal.SIGKILL)).start()
        return asked(self, op, candidate, *given, **more)

    pytest.MonkeyPatch().setattr(Device, "_asked_of_both", killing)
    return cli.main(SEARCH)


def test_a_search_that_is_killed_goes_on_with_each_runtime_timed_as_before(
    small: Path, run: Command, whole: dict[str, Any]
) -> None:
    file = small / "runs" / "demo" / "artifacts" / "anchors.json"
    timed: dict[str, Any] = {}
    for kind, count in (("anchors", 2), ("trials", 4)):
        assert forked(killed_while_timing, kind, output=small / "printed") == -signal.SIGKILL
        before, timed = timed, json.loads(file.read_text())
        assert len(timed) == count
        assert timed.items() >= before.items()
    (first,) = Run.open("demo").trials

    outcome = run(*SEARCH)

    assert outcome.code == 0, outcome.err
    made = Run.open("demo")
    assert json.loads(file.read_text()).items() >= timed.items()
    assert made.trials[0] == first
    assert left_by(made) == whole
    for record in made.trials:
        assert record.candidate is not None
        assert record.candidate.artifact is not None
        assert runtime_of_file(record.candidate.artifact.read_bytes()) == runtime_in(record.policy)


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("time.sleep(600)", "no answer to 'load' within 8 s"),
        ("os.kill(os.getpid(), 11)", "the worker ended with signal 11; so did the one before it"),
    ],
    ids=["hangs", "crashes"],
)
def test_a_file_that_a_runtime_fails_on_fails_its_trial_alone(
    small: Path, run: Command, monkeypatch: pytest.MonkeyPatch, fault: str, says: str
) -> None:
    class Faulty(OpenVino):
        """On the device it fails on files with integers."""

        def source(self) -> bytes:
            return (super().source() or b"") + FAULT.format(fault=fault).encode()

    monkeypatch.setitem(registry.BUILT_IN, "openvino", Faulty)
    outcome = run(*SEARCH, "--set", "device.deadline_seconds=8")
    assert outcome.code == 0, outcome.err
    made = Run.open("demo")
    failed = [record for record in made.trials if record.outcome is not Ended.COMPLETE]
    assert len(made.trials) == 5
    assert failed
    for record in made.trials:
        faulty = runtime_in(record.policy) == THERE and bool(record.policy.of("quantize"))
        assert (record in failed) is faulty
    assert all(says in str(record.reason) for record in failed), [record.reason for record in failed]


FAULT = """

import os
import time

class Failing(Model):
    def __init__(self, content, options, profiled=False):
        if b"QuantizeLinear" in content:
            {fault}
        super().__init__(content, options, profiled)

Model = Failing
"""


class Absent(OpenVino):
    """Not installed on this machine."""

    def version(self) -> str | None:
        return None


class Older(OpenVino):
    """Of another version on this machine."""

    def version(self) -> str | None:
        return "2025.1.0"


@pytest.mark.parametrize(
    ("here", "why"), [(Absent, "openvino is not installed on this machine"), (Older, "another openvino (20")]
)
def test_what_this_machine_does_not_compute_is_scored_on_the_device(
    run: Command, monkeypatch: pytest.MonkeyPatch, whole: dict[str, Any], here: type[OpenVino], why: str
) -> None:
    def computed_here(self: OpenVino, *given: Any) -> Any:
        raise AssertionError("computed here")

    monkeypatch.setitem(registry.BUILT_IN, "openvino", here)
    monkeypatch.setattr(OpenVino, "session", computed_here)
    outcome = run(*SEARCH)
    assert outcome.code == 0, outcome.err
    made = Run.open("demo")
    (scored,) = made.environment["scored_in"]
    assert scored["on"] == "the device"
    assert scored["because"][0].startswith(why)
    assert left_by(made) == whole


def test_a_runtime_that_the_device_lacks_is_one_line(small: Path, run: Command) -> None:
    bare, without = small / "python", "import sys; sys.modules['openvino'] = None"
    bare.write_text(f'#!/bin/sh\nshift\nexec {sys.executable} -c "{without}\n$@"\n')
    bare.chmod(0o755)
    outcome = run(*SEARCH, "--set", f"device.python={bare}")
    assert outcome.code == 5
    *_, error = outcome.err.splitlines()
    assert error.startswith("error: the device cannot be used: ")
    assert error.endswith("; pip install openvino")
