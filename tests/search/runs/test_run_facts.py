"""What a front was measured on, from a run's config and environment."""

from __future__ import annotations

import os
from pathlib import Path

from parefront.search.runs.run_config import RunConfig
from parefront.search.runs.run_facts import date_of, devices_of, in_runtime
from parefront.spaces.files import write_json

PROFILE = {"cpu": "Cortex-A76", "onnxruntime": "1.25.0"}


def test_the_only_device_is_this_machine_unless_a_command_reaches_another() -> None:
    desk = RunConfig.of({"device": {"command": ["ssh", "pi@desk"]}})
    here = devices_of(RunConfig.of({"device": {"threads": 4}, "latency": {"batch": 8}}), {"device": PROFILE})
    assert here == {
        "": {
            "name": "this machine",
            "cpu": "Cortex-A76",
            "runtime": {"name": "onnxruntime", "version": "1.25.0"},
            "precision": "as in the file",
            "threads": 4,
            "batch": 8,
        }
    }
    assert devices_of(desk, {"device": PROFILE})[""]["name"] == "ssh pi@desk"


def test_several_devices_have_their_names() -> None:
    config = {"devices": {"pi": {"command": ["ssh", "pi"], "threads": 2}, "desk": {}}}
    told = devices_of(RunConfig.of(config), {"device": PROFILE, "devices": {"pi": PROFILE}})
    assert {name: (device["name"], device["threads"], device["cpu"]) for name, device in told.items()} == {
        "pi": ("pi", 2, "Cortex-A76"),
        "desk": ("desk", 1, ""),
    }


def test_before_the_first_session_nothing_is_known_of_it() -> None:
    assert devices_of(RunConfig(), {})[""]["cpu"] == ""


def test_the_date_is_that_of_the_front_and_before_it_of_the_last_trial(tmp_path: Path) -> None:
    (tmp_path / "trials").mkdir()
    for name, seconds in (("config.yaml", 1000), ("trials/000000.json", 2000)):
        (tmp_path / name).write_text("{}")
        os.utime(tmp_path / name, (seconds, seconds))
    assert date_of(tmp_path) == "1970-01-01T00:33:20+00:00"
    write_json(tmp_path / "front.json", {"date": "2026-01-02T03:04:05+00:00"})
    assert date_of(tmp_path) == "2026-01-02T03:04:05+00:00"


def test_a_candidate_runs_in_one_of_several_runtimes() -> None:
    other = {"name": "openvino:f32", "runtime": "openvino", "runtime_version": "2026.4", "precision": "f32"}
    scored = {"runtime": "openvino", "precision": "f32", "on": "this machine", "because": []}
    environment = {"device": {**PROFILE, "others": [other]}, "scored_in": [scored]}
    told = devices_of(RunConfig.of({}), environment)[""]
    first, there = in_runtime(told, ""), in_runtime(told, "openvino:f32")
    assert (first["runtime"]["name"], first["precision"]) == ("onnxruntime", "as in the file")
    assert "scored" not in first
    assert there["runtime"] == {"name": "openvino", "version": "2026.4"}
    assert (there["precision"], there["scored"]) == ("f32", scored)
    for each in (first, there):
        assert not each.keys() & {"other_runtimes", "scored_in"}
    alone = devices_of(RunConfig.of({}), {"device": PROFILE})[""]
    assert in_runtime(alone, "") == alone
