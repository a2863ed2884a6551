"""Which single changes are measured, and how noisy measurements rank them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from parefront.search.changes import Effect, rank_repairs, rank_savings, single_changes
from parefront.spaces import Policy

from .synthetic import SyntheticEvaluator


def effect(name: str, loss: float, saving: float, noise: float = 0.0, divergence: float | None = None) -> Effect:
    return Effect({name: 1}, loss, noise, saving, noise, divergence)


def test_blocks_come_first_then_the_middle_choice_of_every_other_knob() -> None:
    space = SyntheticEvaluator(blocks=3).space
    changes = single_changes(space, space.encode(Policy()), at_most=100, repairs=False)
    assert changes[:3] == [{f"drop_blocks/block{b}": True} for b in range(3)]
    assert {"prune_channels/block1.conv1": 0.375} in changes
    assert {"quantize/block2.conv2": 8} in changes
    assert len(changes) == 3 + 3 + 6


def test_what_the_base_has_is_taken_back_only_where_it_costs_accuracy() -> None:
    space = SyntheticEvaluator(blocks=2).space
    base = space.encode(space.uniform({"quantize": 8}))
    kept = single_changes(space, base, at_most=100, repairs=False)
    assert not any(name.startswith("quantize") for change in kept for name in change)
    repaired = single_changes(space, base, at_most=100, repairs=True)
    assert {"quantize/block0.conv1": 32} in repaired


@pytest.mark.parametrize("at_most", [5, 8, 13, 20])
def test_neighbours_are_changed_together_where_trials_are_few(at_most: int) -> None:
    space = SyntheticEvaluator(blocks=8).space
    changes = single_changes(space, space.encode(Policy()), at_most, repairs=False)
    assert len(changes) <= at_most
    assert {name for change in changes for name in change} >= {f"drop_blocks/block{b}" for b in range(8)}
    for change in changes:
        positions = [space[name].position for name in change]
        assert positions == sorted(positions)
        assert len({name.split("/")[0] for name in change}) == 1


def test_ranks_by_loss_for_saving_and_leaves_out_what_saves_nothing() -> None:
    effects = [
        effect("drop/dear", 0.05, 0.1),
        effect("drop/cheap", 0.01, 0.1),
        effect("drop/slower", 0.0, -0.1),
        effect("drop/big", 0.01, 0.2),
    ]
    assert [next(iter(e.change)) for e in rank_savings(effects)] == ["drop/big", "drop/cheap", "drop/dear"]


def test_repairs_win_most_for_the_cost_added_first() -> None:
    effects = [effect("bits/little", -0.001, -0.05), effect("bits/much", -0.01, -0.05), effect("bits/saves", 0.01, 0.1)]
    assert [next(iter(e.change)) for e in rank_repairs(effects)] == ["bits/much", "bits/little"]


def test_noise_is_not_taken_for_saving() -> None:
    """Forty changes that save nothing, each measured with 2 % noise, against ten that save 5 %."""
    generator = np.random.default_rng(0)
    nothing = [effect(f"prune/{i}", 0.001, float(generator.normal(0, 0.01)), noise=0.0196) for i in range(40)]
    much = [effect(f"drop/{i}", 0.01, 0.05 + float(generator.normal(0, 0.01)), noise=0.0196) for i in range(10)]
    ranked = [next(iter(e.change)) for e in rank_savings([*nothing, *much])]
    assert all(name.startswith("drop") for name in ranked[:10])


def test_a_lucky_measurement_is_pulled_to_the_mean() -> None:
    """Of changes that all lose 1 pt, measured with 1 pt of noise, none looks free."""
    generator = np.random.default_rng(1)
    effects = [effect(f"drop/{i}", 0.01 + float(generator.normal(0, 0.005)), 0.1, noise=0.01) for i in range(20)]
    assert min(e.loss for e in effects) < 0.004
    assert min(e.loss for e in rank_savings(effects)) > 0.006


def test_divergence_tells_losses_apart_that_accuracy_cannot() -> None:
    """Thirty changes that lose 0.1 to 3 pt, measured with 2 pt of noise; their divergence is off by 10 %."""
    generator = np.random.default_rng(2)
    losses = np.linspace(0.001, 0.03, 30)
    measured = losses + generator.normal(0, 0.01, 30)
    divergence = 4 * losses * generator.normal(1, 0.1, 30)
    ranks = {}
    for known in (True, False):
        effects = [
            effect(f"drop/{i}", float(measured[i]), 0.1, 0.0196, float(divergence[i]) if known else None)
            for i in generator.permutation(30)
        ]
        order = [int(next(iter(e.change)).split("/")[1]) for e in rank_savings(effects)]
        ranks[known] = spearmanr(order, range(30)).statistic
    assert ranks[True] > 0.9
    assert ranks[False] < 0.8
