"""What ``parefront options`` tells of the config: complete, with a meaning for every key, and true."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from parefront.compressors import registry
from parefront.config.models import Config, DeviceConfig, SearchConfig
from parefront.config.schema import parse_config
from parefront.config.sections import all_sections, json_schema, section, sections_of
from parefront.spaces.errors import ConfigError

EXAMPLES = sorted(
    path
    for path in (Path(__file__).parents[3] / "examples").glob("*/*.yaml")
    if "task" in yaml.safe_load(path.read_text())
)


def test_every_key_of_every_section_has_a_meaning_and_a_type() -> None:
    found = all_sections()

    parts = {"config", "device", "latency", "search", "recover", "executor", "recipe"}
    samplers = {"amc", "given", "peel", "replay"}
    assert {*parts, *registry.known(), *samplers} == {s.name for s in found}
    silent = [f"{s.name}.{key.name}" for s in found for key in s.keys if not (key.meaning and key.type)]
    assert silent == []


@pytest.mark.parametrize(("name", "model"), [("config", Config), ("device", DeviceConfig), ("search", SearchConfig)])
def test_a_section_has_exactly_the_keys_of_its_model(name: str, model: Any) -> None:
    assert [key.name for key in section(name).keys] == list(model.model_fields)


def test_a_default_reads_back_as_the_value_that_a_config_gets() -> None:
    config = parse_config({"task": "task.py:task"}, "search.yaml")

    for key in section("search").keys:
        told = None if key.default == "–" else yaml.safe_load(key.default)
        assert told == getattr(config.search, key.name)


def test_types_are_told_in_words() -> None:
    search, prune = ({key.name: key for key in section(name).keys} for name in ("search", "prune_channels"))

    assert search["trials"].type == "whole number ≥ 1"
    assert search["keep_artifacts"].type == "auto | front | all"
    assert search["racing"].type == "true or false"
    assert prune["ratios"].type == "list of numbers"
    assert "l1 | l2" in prune["criterion"].type
    assert section("config").keys[0].default == "required"


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_the_schema_accepts_the_examples(path: Path) -> None:
    jsonschema.validate(yaml.safe_load(path.read_text()), json_schema())


@pytest.mark.parametrize(
    ("given", "accepted"),
    [
        ({"compress": {"quantize": None}}, True),
        ({"compress": {"quantize": {"bits": [32, 8]}}}, True),
        ({"budget": "latency <= 0.5x"}, True),
        ({"device": {"command": "ssh pi@raspberry"}}, True),
        ({"compress": {"quantise": {}}}, False),
        ({"compress": {"quantize": {"bit": [8]}}}, False),
        ({"compress": {"prune_channels": {"criterion": "l7"}}}, False),
        ({"search": {"trials": 0}}, False),
        ({"serch": {}}, False),
    ],
)
def test_the_schema_accepts_what_the_config_accepts(given: dict[str, Any], accepted: bool) -> None:
    mapping = {"task": "task.py:task", **given}
    validator = jsonschema.Draft202012Validator(json_schema())

    assert validator.is_valid(mapping) is accepted
    if accepted:
        parse_config(mapping, "search.yaml")
    else:
        with pytest.raises(ConfigError):
            parse_config(mapping, "search.yaml")


def test_an_unknown_section_is_told_the_nearest_and_all() -> None:
    with pytest.raises(ConfigError, match=r"no section 'serch'; did you mean 'search'\?; known: config, device, .*amc"):
        section("serch")


def test_all_methods_at_once() -> None:
    assert [found.name for found in sections_of("compress")] == list(registry.known())


def test_a_method_that_cannot_be_imported_hides_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {**registry.known(), "broken": "no_such_package:Method"}
    monkeypatch.setattr(registry, "known", lambda: known)

    found = {s.name: s for s in sections_of("compress")}

    assert found["broken"].problem.startswith("cannot be loaded: ")
    assert found["quantize"].keys
    assert "broken" not in json_schema()["properties"]["compress"]["properties"]
