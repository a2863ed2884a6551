"""Runs are gone on with under the config that they were made with; of an earlier version, too."""

from __future__ import annotations

import pytest

from parefront.config.schema import parse_config
from parefront.search.runs.identity.devices import ADDED, config_differences, flat

CONFIG = {"task": "task.py:task", "compress": {"quantize": {}}}
FIRST_VERSION = {
    "budget", "callbacks", "compress.quantize", "devices", "objectives", "task",
    *(f"device.{key}" for key in (
        "command", "deadline_seconds", "optimisation", "provider_options", "providers", "spinning", "threads"
    )),
    *(f"latency.{key}" for key in ("half_width", "min_samples", "min_seconds", "warmup_seconds")),
    *(f"search.{key}" for key in (
        "keep_artifacts", "racing", "sampler", "sampler_options", "seed", "trials"
    )),
}  # fmt: skip
"""Keys with a value by default in configs of runs that users have; sections that may differ left out."""


def resolved() -> dict[str, object]:
    return flat(parse_config(CONFIG, "search.yaml").resolved())


def test_a_key_that_is_new_counts_as_what_was_done_before_there_was_one() -> None:
    """Else no run of an earlier version could be gone on with: name it in ``ADDED``."""
    new = {key for key in resolved() if key.split(".")[0] not in ("executor", "recover")} - FIRST_VERSION
    assert new <= set(ADDED)


@pytest.mark.parametrize("key", ADDED)
def test_a_config_without_the_key_is_the_same_as_one_with_its_default(key: str) -> None:
    section, _, name = key.partition(".")
    now = parse_config(CONFIG, "search.yaml").resolved()
    before = {**now, section: {k: v for k, v in now[section].items() if k != name}}
    assert config_differences(before, now) == {}
    other = {**now, section: {**now[section], name: "another"}}
    assert list(config_differences(before, other)) == [key]
