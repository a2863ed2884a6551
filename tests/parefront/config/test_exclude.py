"""``exclude``: what no method changes stands in the options of each of them."""

from __future__ import annotations

from typing import Any

import pytest

from parefront.config.schema import parse_config
from parefront.spaces.errors import ConfigError


def resolved(**given: Any) -> dict[str, Any]:
    return parse_config({"task": "task.py:task", **given}, "search.yaml").resolved()


def test_every_method_leaves_it_out_beside_what_is_its_own() -> None:
    config = resolved(
        exclude=["head.*", "stem"],
        compress={"prune_channels": {"exclude": "body.*"}, "quantize": {"exclude": ["stem"]}},
    )
    assert config["exclude"] == ["head.*", "stem"]
    assert config["compress"]["prune_channels"]["exclude"] == ["head.*", "stem", "body.*"]
    assert config["compress"]["quantize"]["exclude"] == ["head.*", "stem"]


def test_it_holds_for_the_default_methods_and_may_be_one_pattern() -> None:
    assert {tuple(options["exclude"]) for options in resolved(exclude="head.*")["compress"].values()} == {("head.*",)}


def test_what_is_resolved_reads_back_as_itself() -> None:
    config = resolved(exclude="head.*")
    assert resolved(**{key: value for key, value in config.items() if key != "task"}) == config


def test_configs_without_it_stay_as_they_were() -> None:
    config = resolved(compress={"quantize": {"bits": [32, 8]}})
    assert "exclude" not in config
    assert config["compress"] == {"quantize": {"bits": [32, 8]}}


@pytest.mark.parametrize("given", [{"exclude": 3}, {"exclude": "head", "compress": {"quantize": {"exclude": 3}}}])
def test_what_is_no_pattern_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="exclude"):
        resolved(**given)
