"""The section ``recover`` becomes a recipe; what cannot be is told in one line."""

from __future__ import annotations

from typing import Any

import pytest

from parefront.compressors.recovery.recipe import Recipe
from parefront.config.models import RecoverConfig
from parefront.search.runs.recover_settings import FEW_BATCH, RecoverSettings
from parefront.spaces.errors import ConfigError


def test_without_settings_the_recipe_is_the_default_one_with_the_losses_left_to_the_network() -> None:
    assert RecoverSettings.of({}).recipe(few=False) == Recipe(losses={})
    assert RecoverSettings.of({}).recipe(few=True) == Recipe(losses={}, batch=FEW_BATCH)


def test_all_that_decides_on_the_result_reaches_the_recipe() -> None:
    section = {
        "losses": {"mse": 1.0, "attention": 3.0},
        "places": "stages",
        "augment": ["crop", "mixup"],
        "ema": 0.99,
        "teachers": ["big.py:make"],
        "teacher_weights": "confidence",
        "batch": 32,
        "penalties": {"slimming": 0.01},
        "sparsity": "once",
    }
    wanted = Recipe(
        losses={"mse": 1.0, "attention": 3.0}, places="stages", augment=("crop", "mixup"), ema=0.99,
        teachers=("big.py:make",), teacher_weights="confidence", batch=32,
        penalties={"slimming": 0.01}, sparsity="once",
    )  # fmt: skip
    assert RecoverSettings.of(section).recipe(few=False) == wanted


@pytest.mark.parametrize(
    ("section", "all_of_them"),
    [({}, False), ({"penalties": {"slimming": 0.1}}, True), ({"take": "always"}, True),
     ({"penalties": {"slimming": 0.1}, "take": "better"}, False)],
)  # fmt: skip
def test_what_is_trained_for_sparsity_is_taken_in_any_case(section: dict[str, Any], all_of_them: bool) -> None:
    assert RecoverSettings.of(section).takes_all == all_of_them


@pytest.mark.parametrize(("quantised", "up_to"), [("auto", 4), (True, 8), (False, 0)])
def test_up_to_how_many_bits_networks_are_trained_as_their_files_hold_them(quantised: str | bool, up_to: int) -> None:
    section = RecoverConfig.model_validate({"steps": 5, "quantised": quantised}).model_dump()
    assert RecoverSettings.of(section).recipe(few=False).integers_up_to == up_to


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"ema": 1.0}, "recover.ema: expected a number between 0 and 1"),
        ({"teacher_weights": "median"}, "recover.teacher_weights: expected mean or confidence, got 'median'"),
        ({"losses": {"feature": 1.0}}, "recover.losses: no loss 'feature'; did you mean 'features'"),
        (
            {"losses": {"attention": 1.0}},
            "recover.losses: without one of mse, kl, dist, cross_entropy the last",
        ),
        ({"losses": {}}, "recover.losses: expected one or more of mse, kl"),
        ({"places": "first"}, "recover.places: expected last or stages, got 'first'"),
        ({"teachers": "big.py:make"}, "recover.teachers: expected a list of texts"),
        ({"quantised": "sometimes"}, "recover.quantised: expected auto, true or false, got 'sometimes'"),
        ({"quantised": 4}, "recover.quantised: expected auto, true or false, got 4"),
        ({"penalties": {"sliming": 1.0}}, "recover.penalties: no penalty 'sliming'; did you mean 'slimming'"),
        ({"penalties": {"slimming": 1.0}, "norms": False}, "recover.penalties: slimming is of the scales of norms"),
        ({"sparsity": "gradual"}, "recover.sparsity: expected after, once or cubic, got 'gradual'"),
        ({"take": "all"}, "recover.take: expected better or always, got 'all'"),
        ({"steps": True}, "recover.steps: expected a whole number, got True"),
    ],
)
def test_what_cannot_be_is_told(section: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        RecoverSettings.of(section)
    assert str(caught.value).startswith(said)
