"""Episodes: whatever an agent wants, the expected cost keeps the bounds. The oracle: all policies that there are."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from parefront.search.agent.episode import Episode, within
from parefront.search.agent.knob_order import Route
from parefront.search.surrogate.sensitivity import Sensitivity
from parefront.spaces.knob import Knob
from parefront.spaces.space import SearchSpace


def nested(seed: int) -> Sensitivity:
    """A block that can be dropped, around a smaller one, around knobs of which one overrules another; and one outside.

    Savings are random, some negative; the base has one knob at a choice that is not neutral.
    """
    generator = np.random.default_rng(seed)
    knobs = [
        Knob("quantize", "a", (32, 8, 4), 32, frozenset("a"), 0),
        Knob("drop_blocks", "ab", (False, True), False, frozenset("ab"), 0),
        Knob("merge", "a", (False, True), False, frozenset("a"), 0),
        Knob("low_rank", "b", (0, 1, 2), 0, frozenset("b"), 1),
        Knob("separable", "b", (0, 1), 0, frozenset("b"), 1),
        Knob("quantize", "c", (32, 8), 32, frozenset("c"), 2),
    ]
    removes = {"drop_blocks/ab": frozenset("ab"), "merge/a": frozenset("a")}
    space = SearchSpace.of(knobs, removes, {"separable/b": frozenset({"low_rank/b"})})
    base = {knob.name: knob.neutral for knob in space} | {"quantize/a": 8}
    savings = {k.name: tuple(float(s) for s in generator.normal(0.05, 0.15, len(k.choices))) for k in space}
    savings = {name: tuple(s - values[0] for s in values) for name, values in savings.items()}
    savings["quantize/a"] = tuple(s - savings["quantize/a"][1] for s in savings["quantize/a"])
    divergence = {knob.name: (0.0,) * len(knob.choices) for knob in space}
    return Sensitivity(space, base, divergence, {"latency": 0.9}, {"latency": savings})


def all_costs(sensitivity: Sensitivity) -> np.ndarray:
    """The cost of every policy, without the floor that ``expected_cost`` has."""
    rows = np.array(list(itertools.product(*(range(len(knob.choices)) for knob in sensitivity.space))))
    return np.asarray(sensitivity.base_costs["latency"] - sensitivity.saved("latency", rows).sum(axis=1))


def walk(route: Route, low: float, high: float, generator: np.random.Generator) -> Episode:
    episode = Episode(route, low, high)
    while (knob := episode.knob) is not None:
        episode.take(episode.clip(int(generator.integers(len(route.savings[knob])))))
    return episode


@pytest.mark.parametrize("seed", range(12))
def test_a_route_knows_the_cheapest_and_the_dearest_policy(seed: int) -> None:
    sensitivity = nested(seed)
    costs, route = all_costs(sensitivity), Route.of(sensitivity, "latency")
    assert route.cheapest == pytest.approx(costs.min())
    assert route.dearest == pytest.approx(costs.max())


@pytest.mark.parametrize("seed", range(12))
def test_an_episode_is_within_its_budget_whenever_any_policy_is(seed: int) -> None:
    sensitivity, generator = nested(seed), np.random.default_rng(seed)
    costs, route = all_costs(sensitivity), Route.of(sensitivity, "latency")
    for high in np.linspace(costs.min() - 0.1, costs.max() + 0.1, 12):
        for _ in range(10):
            episode = walk(route, -np.inf, float(high), generator)
            rows = np.array([episode.places])
            cost = sensitivity.base_costs["latency"] - sensitivity.saved("latency", rows).sum()
            assert episode.cost == pytest.approx(cost), "what it counts is what the model says"
            assert cost <= max(high, costs.min()) + 1e-6


@pytest.mark.parametrize("seed", range(12))
def test_the_lower_bound_is_kept_where_the_upper_one_binds_nothing(seed: int) -> None:
    sensitivity, generator = nested(seed), np.random.default_rng(seed)
    costs, route = all_costs(sensitivity), Route.of(sensitivity, "latency")
    for low in np.linspace(costs.min(), costs.max(), 12):
        for _ in range(10):
            assert walk(route, float(low), np.inf, generator).cost >= low - 1e-6


@pytest.mark.parametrize("seed", range(12))
def test_an_episode_keeps_the_expected_cost_within_a_budget(seed: int) -> None:
    """Where savings overlap the expected cost is far above the sum, and the budget is about the former."""
    sensitivity, generator = nested(seed), np.random.default_rng(seed)
    doubled = {
        name: tuple(2 * saved for saved in by_choice) for name, by_choice in sensitivity.savings["latency"].items()
    }
    sensitivity = replace(sensitivity, savings={"latency": doubled})
    route = Route.of(sensitivity, "latency")
    least, greatest = route.expected
    everything = np.array(list(itertools.product(*(range(len(knob.choices)) for knob in sensitivity.space))))
    costs = sensitivity.expected_cost("latency", everything)
    assert least == pytest.approx(costs.min())
    assert greatest == pytest.approx(costs.max())
    for budget in np.linspace(least, greatest, 12):
        episode = within(route, float(budget), band=0.25)
        while (knob := episode.knob) is not None:
            episode.take(episode.clip(int(generator.integers(len(route.savings[knob])))))
        assert sensitivity.expected_cost("latency", np.array([episode.places]))[0] <= budget + 1e-6


def test_void_knobs_are_passed_over_and_stay_neutral() -> None:
    route = Route.of(nested(0), "latency")
    episode = Episode(route, -np.inf, np.inf)
    names = [knob.name for knob in route.sensitivity.space]
    met = []
    while (knob := episode.knob) is not None:
        met.append(names[knob])
        episode.take(1 if names[knob] == "drop_blocks/ab" else 0)
    assert met == ["drop_blocks/ab", "quantize/c"]


def test_a_wanted_choice_that_fits_is_taken_and_else_the_nearest_that_does() -> None:
    space = SearchSpace.of([Knob("prune_channels", name, (0.0, 0.25, 0.5, 0.75), 0.0) for name in "ab"])
    savings = {knob.name: (0.0, 0.1, 0.2, 0.3) for knob in space}
    sensitivity = Sensitivity(space, {}, savings, {"latency": 1.0}, {"latency": savings})
    episode = Episode(Route.of(sensitivity, "latency"), 0.55, 0.6)
    assert [episode.clip(wanted) for wanted in range(4)] == [1, 1, 2, 3], "with the other at its strongest 0.1 is short"
    episode.take(1)
    assert [episode.clip(wanted) for wanted in range(4)] == [3, 3, 3, 3]
