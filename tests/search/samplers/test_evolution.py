"""A step of NSGA-II: the ranking equals moocore's, children stay in the space and near their parents."""

from __future__ import annotations

import moocore
import numpy as np
import pytest

from parefront.search.runs.studies.history import Tried
from parefront.search.samplers.evolution import children, rank
from parefront.spaces.knob import Choice

from ..synthetic import SyntheticEvaluator


def tried(costs: list[float], violation: float = 0.0, params: dict[str, Choice] | None = None) -> Tried:
    return Tried(params or {}, str(costs), tuple(costs), violation)


@pytest.mark.parametrize("objectives", [2, 3])
def test_ranks_as_moocore_does(objectives: int) -> None:
    costs = np.random.default_rng(objectives).random((60, objectives))
    order = rank([tried(row) for row in costs.tolist()])
    layers = moocore.pareto_rank(costs)[order]
    assert sorted(order) == list(range(60))
    assert layers.tolist() == sorted(layers)


def test_the_first_of_many_are_those_of_all() -> None:
    generator = np.random.default_rng(4)
    many = [
        tried(row, max(0.0, v))
        for row, v in zip(generator.random((80, 3)).tolist(), generator.normal(size=80), strict=True)
    ]
    for most in (1, 16, 79):
        assert rank(many, most) == rank(many)[:most]


def test_extremes_and_lonely_members_of_a_layer_come_first() -> None:
    line = [[0.0, 1.0], [0.4, 0.6], [0.42, 0.58], [0.44, 0.56], [1.0, 0.0]]
    assert set(rank([tried(costs) for costs in line])[:2]) == {0, 4}
    assert rank([tried(costs) for costs in line])[-1] == 2


def test_what_meets_the_budgets_comes_before_what_does_not() -> None:
    order = rank([tried([0.0, 0.0], violation=0.5), tried([1.0, 1.0]), tried([0.0, 0.0], violation=0.1)])
    assert order == [1, 2, 0]


def test_children_offer_valid_choices_and_differ_little_from_their_parents() -> None:
    space = SyntheticEvaluator(blocks=10).space
    choices = np.array([len(knob.choices) for knob in space])
    mild, strong = np.zeros(len(space), dtype=np.int64), choices - 1
    bred = children(space, np.array([mild, strong]), np.random.default_rng(0), 200)
    assert bred.shape == (200, len(space))
    assert ((bred >= 0) & (bred < choices)).all()
    assert ((bred != mild) & (bred != strong)).sum(axis=1).mean() < 2
    assert (bred != mild).any(axis=1).mean() > 0.95


def test_a_child_of_one_parent_is_not_its_parent() -> None:
    space = SyntheticEvaluator(blocks=3).space
    parent = np.zeros(len(space), dtype=np.int64)
    assert (children(space, parent[None], np.random.default_rng(0), 50) != parent).any(axis=1).all()


def test_mutation_mostly_steps_to_a_neighbour() -> None:
    space = SyntheticEvaluator(blocks=3).space
    parent = np.array([3 if knob.compressor == "prune_channels" else 0 for knob in space])
    bred = children(space, parent[None], np.random.default_rng(0), 2000)
    steps = np.abs(bred - parent)[:, [knob.compressor == "prune_channels" for knob in space]]
    assert 0.7 < (steps[steps > 0] == 1).mean() < 0.95
