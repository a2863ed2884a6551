"""The config as a typed value: every key by its name, defaults where it has none, one line where it cannot be."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from parefront.config.models import Config, SearchConfig
from parefront.config.schema import parse_config
from parefront.search.runs.run_config import Place, RunConfig, SearchKeys
from parefront.spaces.errors import ConfigError


def test_it_has_every_key_of_the_search_with_the_same_default() -> None:
    keys = {field.name: getattr(SearchKeys(), field.name) for field in dataclasses.fields(SearchKeys)}

    assert keys == SearchConfig().model_dump()


def test_what_the_door_hands_on_is_what_the_run_reads_back() -> None:
    given = {
        "task": "task.py:task",
        "budget": "latency <= 0.5x",
        "devices": {"pi": {"command": "ssh pi", "threads": 2}, "desk": {}},
        "search": {"sampler": "random", "minutes": 5, "images": 100},
        "latency": {"batch": 4},
    }
    config: Config = parse_config(given, "search.yaml")
    typed = config.typed()

    assert typed == RunConfig.of(config.resolved())
    assert (typed.budget, typed.batch) == (("latency <= 0.5x",), 4)
    assert (typed.search.minutes, typed.search.images, typed.search.seed) == (5, 100, 0)
    pi = typed.places["pi"]
    assert (pi.command, pi.threads, typed.places["desk"].command) == (("ssh", "pi"), 2, ())


def test_a_config_that_says_nothing_has_the_defaults() -> None:
    assert RunConfig.of({}) == RunConfig()
    assert RunConfig.of({"search": None, "device": None}) == RunConfig()
    assert RunConfig().places == {"": Place()}


def test_it_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        RunConfig().task = "another.py:task"  # type: ignore[misc]


def test_how_costs_are_measured_is_compared_without_secrets() -> None:
    one, other = (
        RunConfig.of({"device": {"command": ["sshpass", "-p", secret, "ssh", "pi"], "threads": 2}})
        for secret in ("hunter2", "***")
    )
    assert one.measuring == other.measuring
    assert one.measuring != RunConfig.of({"device": {"threads": 2}}).measuring


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"search": {"trials": "many"}}, "search.trials: expected a whole number, got 'many'"),
        ({"search": {"trials": True}}, "search.trials: expected a whole number, got True"),
        ({"search": {"racing": 1}}, "search.racing: expected true or false, got 1"),
        ({"search": [1]}, "search: expected a mapping, got list of 1"),
        ({"devices": {"pi": 3}}, "devices.pi: expected a mapping, got int"),
        ({"objectives": "accuracy"}, "objectives: expected a list of texts, got 'accuracy'"),
    ],
)
def test_a_value_of_another_type_is_one_line(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        RunConfig.of(given)
    assert str(caught.value) == message
