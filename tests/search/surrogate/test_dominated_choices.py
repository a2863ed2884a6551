"""Choices that never pay are found, told, and left out of what is tried; those that pay anywhere are kept."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from parefront.search.surrogate.dominated_choices import replacements, unpaying
from parefront.search.surrogate.sensitivity import Sensitivity
from parefront.spaces.knob import Knob
from parefront.spaces.runtime_knob import runtime_knob
from parefront.spaces.space import SearchSpace

BITS = (32, 8, 4, 2)


def given(size: bool = False) -> Sensitivity:
    """Two layers; 8 bits save time, 4 and 2 take it back; with ``size`` bytes count, which they save."""
    knobs = [Knob("quantize", name, BITS, 32, frozenset({name})) for name in ("one", "two")]
    space = SearchSpace.of(knobs)
    loss = {knob.name: (0.0, 0.01, 0.05, 0.2) for knob in knobs}
    latency = {knob.name: (0.0, 0.3, -0.1, -0.2) for knob in knobs}
    savings = {"latency_ratio": latency}
    if size:
        savings["size_bytes"] = {knob.name: (0.0, 0.3, 0.4, 0.45) for knob in knobs}
    base = {knob.name: 32 for knob in knobs}
    return Sensitivity(space, base, loss, dict.fromkeys(savings, 1.0), savings)


def test_what_a_milder_choice_beats_in_every_cost_never_pays() -> None:
    found = unpaying(given())
    assert [(each.compressor, each.choice) for each in found] == [("quantize", 4), ("quantize", 2)]
    assert found[0].costs == {"latency_ratio": np.float64(0.8)}
    assert str(found[0]) == "quantize 4 (latency +80.0%)"


def test_it_stays_where_another_objective_wants_it() -> None:
    assert unpaying(given(size=True)) == []


def test_it_stays_where_it_pays_for_one_knob() -> None:
    one, two = given().savings["latency_ratio"]
    tables = given().savings["latency_ratio"]
    paying = {one: tables[one], two: (0.0, 0.3, 0.35, -0.2)}
    found = unpaying(replace(given(), savings={"latency_ratio": paying}))
    assert [each.choice for each in found] == [2]


def test_the_least_saving_makes_it_pay_since_knobs_add_up() -> None:
    little = dict.fromkeys(given().savings["latency_ratio"], (0.0, 0.3, 0.3001, 0.3002))
    assert unpaying(replace(given(), savings={"latency_ratio": little})) == []


def test_what_no_probe_has_told_of_is_kept() -> None:
    unknown = dict.fromkeys(given().savings["latency_ratio"], (0.0, 0.0, 0.0, 0.0))
    assert unpaying(replace(given(), savings={"latency_ratio": unknown})) == []


def test_the_base_s_choice_is_never_among_them() -> None:
    sensitivity = replace(given(), base=dict.fromkeys(given().base, 4))
    assert [each.choice for each in unpaying(sensitivity)] == [2]


def test_the_best_milder_choice_takes_its_place() -> None:
    assert replacements(given()).tolist() == [[0, 1, 1, 1]] * 2
    assert replacements(given(size=True)).tolist() == [[0, 1, 2, 3]] * 2


def test_a_runtime_is_never_among_them() -> None:
    """In floats the other one is no faster, which tells nothing of integers."""
    layers, knob = given(), runtime_knob(["onnxruntime", "openvino"])
    sensitivity = Sensitivity(
        SearchSpace.of([*layers.space, knob]),
        {**layers.base, knob.name: "onnxruntime"},
        {**layers.divergence, knob.name: (0.0, 0.0)},
        layers.base_costs,
        {"latency_ratio": {**layers.savings["latency_ratio"], knob.name: (0.0, -0.05)}},
    )
    assert [each.choice for each in unpaying(sensitivity)] == [4, 2]
