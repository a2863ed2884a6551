"""A step of NSGA-II: the ranking equals moocore's, children stay in the space and near their parents."""

from __future__ import annotations

import moocore
import numpy as np
import pytest

from parefront.search.evolve import child, rank
from parefront.search.history import Tried
from parefront.spaces import Choice, Policy

from .synthetic import SyntheticEvaluator


def tried(costs: list[float], violation: float = 0.0, params: dict[str, Choice] | None = None) -> Tried:
    return Tried(params or {}, str(costs), tuple(costs), (0.0,) * len(costs), violation)


@pytest.mark.parametrize("objectives", [2, 3])
def test_ranks_as_moocore_does(objectives: int) -> None:
    costs = np.random.default_rng(objectives).random((60, objectives))
    order = rank([tried(row) for row in costs.tolist()])
    layers = moocore.pareto_rank(costs)[order]
    assert sorted(order) == list(range(60))
    assert layers.tolist() == sorted(layers)


def test_extremes_and_lonely_members_of_a_layer_come_first() -> None:
    line = [[0.0, 1.0], [0.4, 0.6], [0.42, 0.58], [0.44, 0.56], [1.0, 0.0]]
    assert set(rank([tried(costs) for costs in line])[:2]) == {0, 4}
    assert rank([tried(costs) for costs in line])[-1] == 2


def test_what_meets_the_budgets_comes_before_what_does_not() -> None:
    order = rank([tried([0.0, 0.0], violation=0.5), tried([1.0, 1.0]), tried([0.0, 0.0], violation=0.1)])
    assert order == [1, 2, 0]


def test_children_offer_valid_choices_and_differ_little_from_their_parents() -> None:
    space = SyntheticEvaluator(blocks=10).space
    generator = np.random.default_rng(0)
    mild, strong = space.encode(Policy()), space.encode(space.uniform({"quantize": 8, "prune_channels": 0.5}))
    parents = [tried([0.0, 1.0], params=mild), tried([1.0, 0.0], params=strong)]
    differences = []
    for _ in range(200):
        params = child(space, parents, generator)
        space.validate(Policy(params))
        differences.append(sum(params[name] not in (mild[name], strong[name]) or params == mild for name in params))
    assert np.mean(differences) < 2


def test_a_child_of_one_parent_is_not_its_parent() -> None:
    space = SyntheticEvaluator(blocks=3).space
    generator = np.random.default_rng(0)
    parent = tried([0.0, 1.0], params=space.encode(Policy()))
    assert all(child(space, [parent], generator) != parent.params for _ in range(50))
