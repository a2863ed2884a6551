"""What a recipe may say, and the line for what it may not."""

from __future__ import annotations

from typing import Any

import pytest

from parefront.config.recipe import parse_recipe
from parefront.config.schema import parse_config
from parefront.config.sections import section
from parefront.recipes.shipped import load_recipe, shipped
from parefront.recipes.stage_configs import StageConfigs
from parefront.search.runs.recover_settings import RecoverSettings
from parefront.spaces.errors import ConfigError

PRUNE = {"name": "prune", "compress": {"prune_channels": {}}, "trials": 3}
SAME = {"name": "train", "policy": "same", "recover": {"steps": 3}}
CONFIG = parse_config({"task": "task.py:task", "recover": {"minutes": 9, "rate": 0.2, "batch": 16}}, "search.yaml")


@pytest.mark.parametrize("name", shipped())
def test_every_stage_of_a_shipped_recipe_is_a_config(name: str, tmp_path: Any) -> None:
    StageConfigs(load_recipe(name), CONFIG, tmp_path).check()


def test_a_stage_of_the_same_policy_has_the_compressors_of_the_one_before(tmp_path: Any) -> None:
    configs = StageConfigs(parse_recipe({"stages": [PRUNE, SAME]}, "r.yaml"), CONFIG, tmp_path)
    made = configs.of(1, {"prune_channels": {"0": 0.5}})
    assert made.compress == configs.of(0).compress
    assert made.search.sampler == "given"
    assert made.search.sampler_options == {"policy": {"prune_channels": {"0": 0.5}}}


def test_how_long_and_at_which_rate_is_the_stage_s_and_the_rest_the_config_s(tmp_path: Any) -> None:
    made = StageConfigs(parse_recipe({"stages": [PRUNE, SAME]}, "r.yaml"), CONFIG, tmp_path).of(1)
    assert (made.recover.minutes, made.recover.steps) == (None, 3)
    assert made.recover.rate is None
    assert made.recover.batch == 16
    assert StageConfigs(parse_recipe({"stages": [PRUNE]}, "r.yaml"), CONFIG, tmp_path).of(0).recover.when == "none"


@pytest.mark.parametrize(
    ("stages", "said"),
    [
        ([], "stages"),
        ([PRUNE, PRUNE], "two stages are called prune"),
        ([SAME], "needs a stage before it"),
        ([PRUNE, SAME, {**SAME, "name": "again"}], "train does otherwise"),
        ([{**PRUNE, "every": {"quantize": 8}}], "expected one of trials, every and policy, got trials and every"),
        ([PRUNE, {**SAME, "compress": {"quantize": {}}}], "leave it out"),
        ([{"name": "cut", "budget": ["macs <= 0.5x"]}], "add trials"),
        ([{**PRUNE, "trails": 3}], "trails"),
        ([{**PRUNE, "name": "No Name"}], "stages.0.name"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(stages: list[Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said) as refused:
        parse_recipe({"stages": stages}, "r.yaml")
    assert str(refused.value).startswith("r.yaml: ")
    assert len(str(refused.value).splitlines()) == 1


def test_a_recipe_is_found_by_its_name_or_its_path(tmp_path: Any) -> None:
    assert [stage.name for stage in load_recipe("staged").stages] == ["prune", "recover", "int8", "recover-int8"]
    assert [stage.name for stage in load_recipe("integrated").stages] == ["sparsity", "prune", "recover", "int8", "qat"]
    with pytest.raises(ConfigError, match="staged"):
        load_recipe("stagd")
    (tmp_path / "own.yaml").write_text("stages: [{name: one, trials: 2}]")
    assert load_recipe(tmp_path / "own.yaml").stages[0].trials == 2


def test_the_keys_of_a_stage_are_told() -> None:
    told = {key.name: key.meaning for key in section("recipe").keys}
    assert {"name", "trials", "every", "policy", "recover"} <= set(told)
    assert all(told.values())


def test_a_share_of_the_rate_that_would_be_chosen() -> None:
    settings = RecoverSettings.of({"when": "front", "steps": 5, "rate": "0.1x"})
    assert settings.rate_near(0.5) == pytest.approx(0.05)
    assert RecoverSettings.of({}).rate_near(0.5) == 0.5
    assert RecoverSettings.of({"rate": 0.2}).rate_near(0.5) == 0.2


@pytest.mark.parametrize("rate", ["0x", "x", "0.1", "-1x", -1, 0, True, [1]])
def test_a_rate_that_cannot_be_is_refused(rate: Any) -> None:
    with pytest.raises(ConfigError, match=r"recover\.rate"):
        parse_config({"task": "t.py:task", "recover": {"steps": 1, "rate": rate}}, "search.yaml")
