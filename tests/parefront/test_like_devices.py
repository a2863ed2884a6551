"""Several like devices in one search: those that agree share the readings, one that does not is set aside."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from parefront.config.schema import parse_config
from parefront.search.runs.identity.devices import config_differences
from parefront.search.runs.run import Run
from parefront.spaces.errors import ConfigError

from .conftest import TASK, Command
from .searching import searched_project

SLOW = """
import sys, time

def ten_times(clock):
    return lambda: 10 * clock()

for name in ("perf_counter", "monotonic", "perf_counter_ns", "thread_time_ns", "process_time", "process_time_ns"):
    setattr(time, name, ten_times(getattr(time, name)))
exec(sys.argv[-1])
"""
"""Starts the worker, whose clocks then run ten times as fast, so that all seems to take ten times as long."""
FIRST = {"command": ["env", "UNIT=1"], "python": sys.executable}
SECOND = {"command": ["env", "UNIT=2"], "python": sys.executable}
CONFIG: dict[str, Any] = {
    "task": "task.py:task",
    "compress": {"quantize": {}},
    "latency": {"min_samples": 8, "min_seconds": 0.01, "max_seconds": 0.03, "warmup_seconds": 0.005},
    "search": {"trials": 3, "sampler": "random", "seed": 3},
}


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working directory with a finished run, ``demo``, on two devices one of which is ten times as slow."""
    folder = tmp_path_factory.mktemp("searched")
    (folder / "slow.py").write_text(SLOW)
    slow = {"command": [sys.executable, str(folder / "slow.py")], "python": sys.executable}
    long = {"min_samples": 32, "min_seconds": 0.1, "max_seconds": 0.5, "warmup_seconds": 0.05}  # by ten times on one
    return searched_project(folder, TASK, {**CONFIG, "latency": long, "devices": {"pi": [FIRST, slow]}})


def test_one_that_disagrees_is_set_aside_with_a_line(searched: Path) -> None:
    log = (searched / "runs" / "demo" / "log.txt").read_text()
    (line,) = [line for line in log.splitlines() if "device pi" in line]
    assert re.search(r"slow\.py is set aside: the (uncompressed|quantised) model takes", line), "whichever tells first"
    assert line.endswith("on env UNIT=1")


def test_records_and_json_say_which_one_has_read(searched: Path, run: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(searched)
    made = Run.open("demo")
    assert [record.candidate.units for record in made.trials if record.candidate] == [("env UNIT=1",)] * 3
    shown = json.loads(run("front", "demo", "--json").out)
    assert [candidate["units"] for candidate in shown["candidates"]] == [["env UNIT=1"]] * len(made.front)
    assert "latency_ratio@pi" in shown["candidates"][0]["metrics"]


def parsed(*units: dict[str, Any], name: str = "pi") -> dict[str, Any]:
    return parse_config({**CONFIG, "devices": {name: list(units)}}, "search.yaml").resolved()


def test_a_list_is_the_first_device_with_those_like_it() -> None:
    config = parse_config({**CONFIG, "devices": {"pi": [FIRST, SECOND], "desk": {}}}, "search.yaml")
    places = config.places()
    assert [unit.name for unit in places["pi"].units] == ["env UNIT=1", "env UNIT=2"]
    assert [unit.name for unit in places["desk"].units] == ["this machine"]
    assert parse_config(yaml.safe_load(yaml.safe_dump(config.resolved())), "config.yaml") == config
    assert config.typed().places["pi"].command == ("env", "UNIT=1")


def test_a_run_may_be_gone_on_with_on_more_of_the_same_kind_but_not_on_another_first_one() -> None:
    assert config_differences(parsed(FIRST), parsed(FIRST, SECOND)) == {}
    assert list(config_differences(parsed(FIRST, SECOND), parsed(SECOND))) == ["devices.pi.command"]


@pytest.mark.parametrize(
    ("units", "says"),
    [
        ([FIRST, FIRST], "devices: like devices are reached in different ways, got env UNIT=1 twice"),
        ([FIRST, {"comand": "ssh pi"}], "unknown key 'devices.pi.1.comand'; did you mean 'devices.pi.1.command'?"),
        ([FIRST, {**SECOND, "threads": "two"}], "devices.pi.1.threads: expected a valid integer, got 'two'"),
        ([], "devices.pi: "),
        ([FIRST, {**SECOND, "deadline_seconds": 0.01}], "devices.pi.deadline_seconds is 0"),
        ([FIRST, {"command": ["sshpass", "-p", "***", "ssh", "pi"]}], "the secret in devices.pi.1.command is masked"),
    ],
)
def test_bad_input_names_the_unit(units: list[dict[str, Any]], says: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parsed(*units)
    assert says in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1
