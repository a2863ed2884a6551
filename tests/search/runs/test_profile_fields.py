"""A profile of a candidate, written into a file of a run and read back."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from parefront.evaluators.results.fields import Fields
from parefront.evaluators.results.finding import Finding
from parefront.evaluators.results.profile import LayerTime, Profile
from parefront.search.runs.profile_fields import profile_of, profile_to_json
from parefront.spaces.files import UnreadableFile

PROFILE = Profile(
    (LayerTime("stem", 12.5, 40.25), LayerTime("body", 0.0, 80.0)),
    20.75,
    130.0,
    (Finding("channels", ("stem",), 3.5, "stem has 5 output channels", "round to a multiple of 8"),),
)


def test_it_is_read_back_as_it_was() -> None:
    written = json.loads(json.dumps(profile_to_json(PROFILE)))
    assert profile_of(Fields(Path("final/000001.json"), written, "profile")) == PROFILE


def test_one_of_an_earlier_version_is_read_which_tells_nothing_of_profiling() -> None:
    known = replace(PROFILE, profiling_us=(90.25, 120.5))
    written = json.loads(json.dumps(profile_to_json(known)))
    assert profile_of(Fields(Path("final/000001.json"), written, "profile")) == known
    del written["profiling_us"], written["profiling_before_us"]
    assert profile_of(Fields(Path("final/000001.json"), written, "profile")).profiling_us is None


@pytest.mark.parametrize("layers", [None, [["stem", 1.0]], [["stem", -1.0, 2.0]], [[3, 1.0, 2.0]], [["stem", 1e13, 0]]])
def test_layers_that_cannot_be_are_named(layers: Any) -> None:
    damaged = {**profile_to_json(PROFILE), "layers": layers}
    with pytest.raises(UnreadableFile, match=r"000001\.json.*profile\.layers"):
        profile_of(Fields(Path("final/000001.json"), damaged, "profile"))
