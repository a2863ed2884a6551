"""The latency of a chain of layers that are cut at both ends, whose truth is a product of widths."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from parefront.search.surrogate.layered_latency import layered_cost
from parefront.search.surrogate.sensitivity import Sensitivity
from parefront.spaces.knob import Knob
from parefront.spaces.space import SearchSpace

LAYERS = 6
WIDTHS = (0.0, 0.25, 0.5, 0.75)
BESIDE = 0.1
"""What the chain takes beside its layers."""
TAKES = (1 - BESIDE) * np.array([0.3, 0.25, 0.2, 0.1, 0.1, 0.05])


def chain() -> Sensitivity:
    """A knob between each layer and the next cuts the outputs of the one and the inputs of the other."""
    knobs = [
        Knob("prune_channels", f"layer{i}", WIDTHS, 0.0, frozenset({f"layer{i}"}), i, frozenset({f"layer{i + 1}"}))
        for i in range(LAYERS - 1)
    ]
    space = SearchSpace.of(knobs)
    savings = {
        knob.name: tuple(float(cut * (TAKES[i] + TAKES[i + 1])) for cut in WIDTHS) for i, knob in enumerate(space)
    }
    nothing = dict.fromkeys(savings, (0.0,) * len(WIDTHS))
    base = {knob.name: 0.0 for knob in space}
    work = {"latency_ratio": {f"layer{i}": float(TAKES[i]) for i in range(LAYERS)}}
    return Sensitivity(space, base, nothing, {"latency_ratio": 1.0}, {"latency_ratio": savings}, work)


def truth(rows: np.ndarray) -> np.ndarray:
    kept = 1 - np.array(WIDTHS)[rows]
    ones = np.ones((len(rows), 1))
    layers = np.hstack([ones, kept]) * np.hstack([kept, ones]) * TAKES
    return np.asarray(layers.sum(axis=1) + BESIDE)


def sampled(count: int = 200) -> np.ndarray:
    return np.random.default_rng(0).integers(len(WIDTHS), size=(count, LAYERS - 1))


def test_what_two_knobs_cut_of_one_layer_multiplies() -> None:
    sensitivity, rows = chain(), sampled()
    expected, _ = layered_cost(sensitivity, "latency_ratio", rows)
    exact = truth(rows)
    assert np.abs(expected - exact).max() <= BESIDE
    additive = sensitivity.expected_cost("latency_ratio", rows)
    assert np.abs(np.log(expected / exact)).mean() < 0.5 * np.abs(np.log(additive / exact)).mean()


def test_the_base_takes_what_it_takes() -> None:
    sensitivity = chain()
    expected, parts = layered_cost(sensitivity, "latency_ratio", np.zeros((1, LAYERS - 1), dtype=np.int64))
    assert expected[0] == pytest.approx(1.0)
    assert not parts.any()


@pytest.mark.parametrize("takes", [TAKES, 0.05 * TAKES, TAKES[:2], np.array([1.0, 0.01, 0.01, 1.0])])
def test_a_knob_alone_gives_what_its_probe_has_measured(takes: np.ndarray) -> None:
    """However little of the run the layers take as profiled, and where a choice costs more than it saves."""
    given = chain()
    work = {f"layer{i}": float(share) for i, share in enumerate(takes)}
    savings = {
        name: (*saved[:3], -0.4 if index % 2 else saved[3])
        for index, (name, saved) in enumerate(given.savings["latency_ratio"].items())
    }
    sensitivity = replace(given, work={"latency_ratio": work}, savings={"latency_ratio": savings})
    rows = np.vstack([place * np.eye(LAYERS - 1, dtype=np.int64) for place in range(len(WIDTHS))])
    expected, _ = layered_cost(sensitivity, "latency_ratio", rows)
    assert expected == pytest.approx(1 - sensitivity.saved("latency_ratio", rows).sum(axis=1))


def test_what_costs_more_than_layers_that_hardly_take_anything_does_not_explode() -> None:
    given = chain()
    work = {f"layer{i}": 0.001 if i < 4 else 0.4 for i in range(LAYERS)}
    savings = {knob.name: (0.0, -0.03, -0.03, -0.03) for knob in given.space}
    slower = replace(given, work={"latency_ratio": work}, savings={"latency_ratio": savings})
    rows = np.array([[1, 1, 1, 0, 0]])
    assert 1.09 < layered_cost(slower, "latency_ratio", rows)[0][0] < 1.15, "1.54 where shares have no bound"


@pytest.mark.parametrize("scale", [1.0, 3.0])
def test_parts_are_the_derivative_by_each_knobs_saving(scale: float) -> None:
    """Of layers of which the knobs save less than they take, and more."""
    sensitivity, rows, step = chain(), sampled(20), 1e-6
    small = {name: share / scale for name, share in sensitivity.work["latency_ratio"].items() if name != "layer0"}
    sensitivity = replace(sensitivity, work={"latency_ratio": {**small, "layer0": 0.9}})
    expected, parts = layered_cost(sensitivity, "latency_ratio", rows)
    for index, knob in enumerate(sensitivity.space):
        savings = dict(sensitivity.savings["latency_ratio"])
        savings[knob.name] = tuple(saving * (1 + step) for saving in savings[knob.name])
        more, _ = layered_cost(replace(sensitivity, savings={"latency_ratio": savings}), "latency_ratio", rows)
        assert np.log(more / expected) / step == pytest.approx(parts[:, index], abs=1e-4)


def test_a_knob_about_no_layer_that_was_seen_still_saves() -> None:
    given = chain()
    known = {"layer0": 0.3}
    rows = np.array([[0, 0, 0, 0, 0], [0, 0, 2, 0, 0]])
    expected, parts = layered_cost(replace(given, work={"latency_ratio": known}), "latency_ratio", rows)
    assert expected[0] == pytest.approx(1.0)
    assert expected[1] == pytest.approx(1 - 0.5 * (TAKES[2] + TAKES[3]))
    assert parts[1, 2] < 0
