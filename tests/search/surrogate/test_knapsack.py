"""The knapsack against brute force, and what it does with void knobs and budgets out of reach."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from parefront.search.surrogate.knapsack import Knapsack
from parefront.search.surrogate.sensitivity import Indices, Sensitivity
from parefront.spaces.knob import Choice, Knob
from parefront.spaces.space import SearchSpace

COSTS = ("latency_ratio", "size_bytes")


def sensitivity(seed: int = 0) -> Sensitivity:
    """Two blocks that may go, with a width and bits in each; the base is everything in int8."""
    generator = np.random.default_rng(seed)
    knobs, removes = [], {}
    for block in range(2):
        layers = frozenset({f"b{block}.one", f"b{block}.two"})
        drop = Knob("drop_blocks", f"b{block}", (False, True), False, layers, 4 * block)
        removes[drop.name] = layers
        width = Knob("prune_channels", f"b{block}.one", (0.0, 0.25, 0.5), 0.0, frozenset({f"b{block}.one"}), 4 * block)
        bits = Knob("quantize", f"b{block}.two", (32, 8, 4), 32, frozenset({f"b{block}.two"}), 4 * block + 1)
        knobs += [drop, width, bits]
    space = SearchSpace.of(knobs, removes)
    base: dict[str, Choice] = {k.name: 8 if k.compressor == "quantize" else k.neutral for k in space}

    def rising(knob: Knob, scale: float) -> tuple[float, ...]:
        return tuple(np.sort(generator.uniform(0, scale, len(knob.choices))) * (np.arange(len(knob.choices)) > 0))

    def saves(knob: Knob, scale: float) -> tuple[float, ...]:
        values = np.array(rising(knob, scale))
        return tuple(values - values[knob.choices.index(base[knob.name])])

    return Sensitivity(
        space,
        base,
        {k.name: rising(k, 0.1) for k in space},
        {"latency_ratio": 0.6, "size_bytes": 0.4},
        {cost: {k.name: saves(k, 0.15) for k in space} for cost in COSTS},
    )


def all_rows(of: Sensitivity) -> Indices:
    """Every policy whose void knobs are at the base's choice."""
    base = of.indices([of.base])[0]
    rows = np.array(list(itertools.product(*(range(len(knob.choices)) for knob in of.space))))
    void = of.void(rows)
    return np.asarray(rows[~(void & (rows != base)).any(axis=1)])


@pytest.mark.parametrize("seed", range(6))
def test_it_finds_the_least_loss_that_brute_force_finds(seed: int) -> None:
    given = sensitivity(seed)
    rows = all_rows(given)
    losses, costs = given.expected_divergence(rows), {c: given.expected_cost(c, rows) for c in COSTS}
    for latency, size in ((0.6, 1.0), (0.5, 1.0), (0.45, 0.35), (0.4, 0.3)):
        fits = (costs["latency_ratio"] <= latency) & (costs["size_bytes"] <= size)
        found = Knapsack(given).least_loss({"latency_ratio": latency, "size_bytes": size})
        if not fits.any():
            assert found is None
            continue
        assert found is not None
        assert given.expected_divergence(found[None])[0] == pytest.approx(losses[fits].min(), rel=0.01, abs=1e-6)
        assert given.expected_cost("latency_ratio", found[None])[0] <= latency + 1e-6


@pytest.mark.parametrize("seed", range(3))
def test_it_finds_the_least_cost_that_brute_force_finds(seed: int) -> None:
    given = sensitivity(seed)
    rows = all_rows(given)
    found = Knapsack(given).least_cost("latency_ratio")
    costs, losses = given.expected_cost("latency_ratio", rows), given.expected_divergence(rows)
    assert given.expected_cost("latency_ratio", found[None])[0] == pytest.approx(costs.min(), rel=0.01)
    within = Knapsack(given).least_cost("latency_ratio", loss=0.1)
    best = costs[losses <= 0.1].min()
    assert given.expected_cost("latency_ratio", within[None])[0] == pytest.approx(best, rel=0.01)


def test_what_is_corrected_upwards_is_avoided() -> None:
    given = sensitivity()
    knapsack = Knapsack(given)
    cheap = knapsack.least_loss({"latency_ratio": 0.5})
    assert cheap is not None
    base = given.indices([given.base])[0]
    changed = int(np.flatnonzero(cheap != base)[0])
    factors = np.ones(len(given.space))
    factors[changed] = 100.0
    other = Knapsack(given, {"": factors}).least_loss({"latency_ratio": 0.5})
    assert other is not None
    assert other[changed] == base[changed]


def test_nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    for bound in np.linspace(0.3, 0.6, 5):
        Knapsack(sensitivity()).least_loss({"latency_ratio": float(bound)})
    assert capfd.readouterr().out == ""
