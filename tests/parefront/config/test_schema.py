"""The config: what is understood, and the one line that says what is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from parefront.config.models import Config
from parefront.config.schema import load_config, parse_config, parse_device
from parefront.spaces.errors import ConfigError


def test_defaults_fill_what_is_left_out() -> None:
    config = parse_config({"task": "task.py:task"}, "search.yaml")

    assert config.objectives == ["accuracy", "latency"]
    assert config.search.trials == 150
    assert config.search.sampler == "auto"
    assert config.search.racing
    assert set(config.compress) == {"prune_channels", "drop_blocks", "quantize"}
    assert config.device.options().threads == 1


def test_resolved_config_reads_back_as_itself() -> None:
    config = parse_config(
        {"task": "task.py:task", "budget": "latency <= 0.5x", "device": {"threads": 4}}, "search.yaml"
    )

    assert parse_config(yaml.safe_load(yaml.safe_dump(config.resolved())), "config.yaml") == config


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"budget": "latency <= 0.5x"}, ["latency <= 0.5x"]),
        ({"budget": None}, []),
        ({"compress": {"quantize": None}}, {"quantize": {}}),
        ({"device": {"command": "ssh pi@raspberry"}}, ["ssh", "pi@raspberry"]),
    ],
)
def test_short_spellings_are_understood(given: dict[str, Any], expected: object) -> None:
    config = parse_config({"task": "task.py:task", **given}, "search.yaml")
    key = next(iter(given))

    assert (config.device.command if key == "device" else getattr(config, key)) == expected


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"serch": {}}, "search.yaml: unknown key 'serch'; did you mean 'search'?"),
        ({"search": {"trails": 3}}, "search.yaml: unknown key 'search.trails'; did you mean 'search.trials'?"),
        ({"qqq": 1}, "unknown key 'qqq'; known: budget, callbacks, compress, device, devices, exclude, executor, "),
        ({"search": {"trials": 0}}, "search.trials: expected a number greater than or equal to 1, got 0"),
        ({"search": {"trials": "many"}}, "search.trials: expected a valid integer, got 'many'"),
        ({"search": {"trials": True}}, "search.trials: expected a valid integer, got True"),
        ({"search": {"racing": 3}}, "search.racing: expected"),
        ({"executor": {"device_nodes": {"pi": "device=pi"}}}, "executor.device_nodes: no device 'pi'; known: ''"),
        ({"executor": {"device_nodes": {"": "device="}}}, "executor.device_nodes: expected a custom resource (devic"),
        ({"search": {"keep_artifacts": "some"}}, "search.keep_artifacts: expected 'auto', 'front' or 'all'"),
        ({"search": [1]}, "search.yaml: search: expected a mapping, got [1]"),
        ({"search": {"sampler": "unifrm"}}, "search.sampler: no sampler 'unifrm'; did you mean 'uniform'?"),
        ({"search": {"sampler": "amc", "sampler_options": {"rewrd": "error"}}}, "no option 'rewrd'; did you mean"),
        ({"search": {"sampler": "tpe", "sampler_options": {"reward": "error"}}}, "'tpe' has no option 'reward'"),
        ({"objectives": ["accuracy"]}, "objectives: expected two or more different metrics"),
        ({"objectives": ["accuracy", "latancy"]}, "no metric 'latancy'; did you mean 'latency'?"),
        ({"budget": ["latency < fast"]}, "budget 'latency < fast' does not parse"),
        ({"budget": ["latency >= 2ms"]}, "latency is better when lower"),
        ({"compress": {}}, "compress: expected one or more of prune_channels, drop_blocks, quantize, got none"),
        ({"compress": {"quantise": {}}}, "compress: unknown compressor 'quantise'; did you mean 'quantize'?"),
        ({"compress": {"quantize": {"bit": [8]}}}, "unknown key 'compress.quantize.bit'; did you mean"),
        ({"device": {"threads": 4, "core": 1}}, "device: "),
        ({"latency": {"min_seconds": 2, "max_seconds": 1.0}}, "latency: expected"),
        ({"latency": {"max_seconds": 60.0}}, "latency: the final step measures for up to 120 s, and device.deadline_"),
        ({"latency": {"max_seconds": 6.0}, "devices": {"pi": {"deadline_seconds": 9}}}, "devices.pi.deadline_seconds "),
    ],
)  # fmt: skip
def test_what_cannot_be_is_told_in_one_line(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config({"task": "task.py:task", **given}, "search.yaml")

    assert message in str(caught.value)
    assert str(caught.value).startswith("search.yaml: ")
    assert "\n" not in str(caught.value)


def test_a_mistyped_key_is_told_before_the_key_that_is_missing_for_it() -> None:
    with pytest.raises(ConfigError, match="unknown key 'tsk'; did you mean 'task'"):
        parse_config({"tsk": "task.py:task"}, "search.yaml")


def test_a_missing_task_is_told() -> None:
    with pytest.raises(ConfigError, match=r"search\.yaml: missing key 'task'"):
        parse_config({}, "search.yaml")


def test_overrides_are_put_over_the_file(tmp_path: Path) -> None:
    path = tmp_path / "search.yaml"
    path.write_text("task: task.py:task\nsearch: {trials: 9}\n")

    config = load_config(path, ["search.trials=40", "device.threads=2", 'budget=["size <= 0.5x"]'])

    assert (config.search.trials, config.device.threads, config.budget) == (40, 2, ["size <= 0.5x"])


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("search.trials", "--set: expected key=value, e.g. search.trials=40, got 'search.trials'"),
        ("search.trails=3", "--set: unknown key 'search.trails'; did you mean 'search.trials'?"),
        ("task.name=3", "--set task.name: 'task' is not a section in the config"),
        ("budget=[1", "--set budget: line 1, column 3:"),
    ],
)
def test_errors_of_overrides_name_the_option(tmp_path: Path, override: str, message: str) -> None:
    path = tmp_path / "search.yaml"
    path.write_text("task: task.py:task\n")

    with pytest.raises(ConfigError) as caught:
        load_config(path, [override])

    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- a\n- b\n", "search.yaml: expected a mapping of settings (task: …), got a list"),
        ("", "search.yaml: expected a mapping of settings (task: …), got an empty file"),
        ("task: [1\nbudget: 2\n", "search.yaml: line 2, column 7: "),
    ],
)
def test_files_that_are_no_mapping_are_told(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "search.yaml"
    path.write_text(text)

    with pytest.raises(ConfigError) as caught:
        load_config(path)

    assert str(caught.value).startswith(message)


def test_a_missing_file_and_a_binary_one_are_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"there is no config file .*nope\.yaml"):
        load_config(tmp_path / "nope.yaml")
    (tmp_path / "model.onnx").write_bytes(b"\x08\xff\xfe")
    with pytest.raises(ConfigError, match="cannot be read as text"):
        load_config(tmp_path / "model.onnx")


def test_a_device_alone_is_checked_like_the_section() -> None:
    assert parse_device({"threads": 2}, "--device").threads == 2
    with pytest.raises(ConfigError, match="--device: unknown key 'thread'; did you mean 'threads'"):
        parse_device({"thread": 2}, "--device")


def test_the_longest_latency_follows_the_shortest() -> None:
    config = Config(task="task.py:task", latency={"min_seconds": 2.0})  # type: ignore[arg-type]

    assert config.latency.protocol().max_seconds == 4.0
