"""One policy that its user has chosen is evaluated, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from parefront.search.controller import search
from parefront.search.runs.run import Run
from parefront.search.samplers.given import GivenOptions, given_policy
from parefront.spaces.errors import ConfigError
from parefront.spaces.policy import Policy

from ..synthetic import SyntheticEvaluator


def searched(folder: Path, options: dict[str, Any]) -> Run:
    run = Run.create(folder, {"search": {"trials": 3, "sampler": "given", "sampler_options": options}})
    search(run, SyntheticEvaluator(blocks=5))
    return run


def test_without_options_it_is_the_uncompressed_model(tmp_path: Path) -> None:
    assert [record.policy for record in searched(tmp_path / "run", {}).trials] == [Policy()]


def test_a_policy_as_a_run_has_written_it_is_evaluated_once(tmp_path: Path) -> None:
    space = SyntheticEvaluator(blocks=5).space
    knob = space.knobs[0]
    policy = space.decode({knob.name: knob.choices[-1]})
    assert [record.policy for record in searched(tmp_path / "run", {"policy": policy.to_dict()}).trials] == [policy]


def test_one_choice_a_compressor_is_that_of_all_its_knobs() -> None:
    space = SyntheticEvaluator(blocks=5).space
    name, ladder = next(iter(space.ladders().items()))
    assert given_policy(space, GivenOptions(every={name: ladder[-1]})) == space.uniform({name: ladder[-1]})


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"every": {"nobody": 8}}, "'nobody' has no knobs here"),
        ({"policy": {"nobody": {"layer": 8}}}, "no knob 'nobody/layer'"),
    ],
)
def test_what_the_space_does_not_have_is_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        given_policy(SyntheticEvaluator(blocks=5).space, GivenOptions(**options))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"every": {"a": 1}, "policy": {"a": {"b": 1}}}, "either every or policy"),
        ({"every": 8}, "expected a mapping"),
        ({"every": {"a": [1]}}, "expected one choice"),
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        GivenOptions(**options)
