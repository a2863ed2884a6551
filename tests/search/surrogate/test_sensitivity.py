"""The additive model: sums over knobs, void knobs left out."""

from __future__ import annotations

import numpy as np
import pytest

from parefront.search.surrogate.sensitivity import Sensitivity
from parefront.spaces.knob import Knob
from parefront.spaces.policy import Policy
from parefront.spaces.space import SearchSpace

from .test_knapsack import sensitivity


def test_choices_and_places_are_each_other_s_inverse() -> None:
    given = sensitivity()
    policies = [given.space.encode(given.space.sample(np.random.default_rng(seed))) for seed in range(5)]
    assert [given.params(row) for row in given.indices(policies)] == policies


def test_losses_and_savings_add_up() -> None:
    given = sensitivity()
    params = dict(given.base) | {"prune_channels/b0.one": 0.5, "quantize/b1.two": 32}
    row = given.indices([params])
    places = {knob.name: knob.choices.index(params[knob.name]) for knob in given.space}
    assert given.expected_divergence(row)[0] == pytest.approx(sum(given.divergence[n][p] for n, p in places.items()))
    saved = sum(given.savings["latency_ratio"][n][p] for n, p in places.items())
    assert given.expected_cost("latency_ratio", row)[0] == pytest.approx(0.6 - saved)


def test_what_a_dropped_block_takes_along_neither_loses_nor_saves() -> None:
    given = sensitivity()
    dropped = dict(given.base) | {"drop_blocks/b0": True}
    inside = dropped | {"prune_channels/b0.one": 0.5, "quantize/b0.two": 4}
    rows = given.indices([dropped, inside])
    assert given.expected_divergence(rows)[0] == given.expected_divergence(rows)[1]
    assert given.expected_cost("latency_ratio", rows)[0] == given.expected_cost("latency_ratio", rows)[1]
    names = [knob.name for knob, void in zip(given.space, given.void(rows)[1], strict=True) if void]
    assert names == ["prune_channels/b0.one", "quantize/b0.two"]


def test_what_is_overruled_is_void() -> None:
    layers = frozenset({"conv"})
    knobs = [Knob("separable", "conv", (False, True), False, layers), Knob("low_rank", "conv", (1.0, 0.5), 1.0, layers)]
    space = SearchSpace.of(knobs, overrules={"separable/conv": frozenset({"low_rank/conv"})})
    nothing = {knob.name: (0.0, 0.1) for knob in space}
    given = Sensitivity(space, space.encode(Policy()), nothing, {"macs": 1.0}, {"macs": nothing})
    both = given.indices([{"separable/conv": True, "low_rank/conv": 0.5}])
    assert given.expected_divergence(both)[0] == pytest.approx(0.1)


@pytest.mark.parametrize("share", [1.2, 1.0, 0.7, 0.41, 0.39, 0.1, 0.01])
def test_costs_stay_above_zero_and_savings_can_be_asked_for(share: float) -> None:
    given = sensitivity()
    bound = share * given.base_costs["latency_ratio"]
    saving = given.saving_to("latency_ratio", bound)
    only = given.space.knobs[0].name
    one = {k.name: tuple(saving if k.name == only else 0.0 for _ in k.choices) for k in given.space}
    saved = Sensitivity(given.space, given.base, given.divergence, given.base_costs, dict.fromkeys(given.costs, one))
    assert saved.expected_cost("latency_ratio", saved.indices([saved.base]))[0] == pytest.approx(bound)
