"""What the controllers of a shared study have to have in common, and what each may have for itself."""

from __future__ import annotations

from typing import Any

import pytest

from parefront.search.runs.identity.study_identity import identity_differences, identity_of
from parefront.spaces.errors import ParefrontError
from parefront.spaces.knob import Knob
from parefront.spaces.space import SearchSpace

from ...synthetic import profile_json


def space(*ratios: float) -> SearchSpace:
    return SearchSpace.of([Knob("prune_channels", "a", ratios, 0.0, frozenset(["a"]), 0)], {})


def identity(config: dict[str, Any] | None = None, environment: dict[str, Any] | None = None) -> dict[str, Any]:
    return identity_of(config or {}, environment or {"device": profile_json()}, None, space(0.0, 0.5))


def test_how_each_searches_and_where_its_device_is_are_its_own() -> None:
    search = {"sampler": "nsga2", "seed": 7, "trials": 9, "minutes": 3, "storage": "postgresql://u:s3cret@h/d"}
    other = identity({"search": search, "device": {"command": ["ssh", "pi2"]}})
    assert identity_differences(identity(), other, "demo") == []
    assert "s3cret" not in str(other)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"objectives": ["accuracy", "size"]}, "another config (objectives: None there, ['accuracy', 'size'] here)"),
        ({"compress": {"merge": {}}}, "another config (compress.merge: None there, {} here)"),
        ({"latency": {"batch": 8}}, "another config (latency.batch: None there, 8 here)"),
        ({"search": {"images": 500}}, "another config (search.images: None there, 500 here)"),
    ],
)
def test_what_candidates_are_judged_by_has_to_be_the_same(config: dict[str, Any], words: str) -> None:
    assert identity_differences(identity(), identity(config), "demo") == [words]


def test_another_device_is_named() -> None:
    (words,) = identity_differences(identity(), identity(environment={"device": profile_json(cpu="y")}), "demo")
    assert words.startswith("another device: ")


def test_other_choices_of_a_knob_are_another_space() -> None:
    other = identity_of({}, {"device": profile_json()}, None, space(0.0, 0.25))
    assert identity_differences(identity(), other, "demo") == ["other knobs (1 there, 1 here)"]


def test_what_is_no_identity_is_one_clear_line() -> None:
    with pytest.raises(ParefrontError, match="study demo: there is no key 'config'"):
        identity_differences({"something": "else"}, identity(), "demo")
