"""Resource reallocation: what the backbone spares goes to the groups that its cut costs most, up to the target."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from parefront.evaluators.results.metrics import metric_of
from parefront.search.samplers.context import SamplerContext
from parefront.search.samplers.peel import PeelSampler, reallocated
from parefront.search.surrogate.sensitivity import Indices
from parefront.spaces.errors import ConfigError
from parefront.spaces.policy import Policy
from parefront.testing.formula import formula_space, measured, probed
from parefront.testing.samplers import suggestions

COST = "latency_ratio"
SENSITIVITY = probed(("accuracy", "latency"))
GROUPS = [place for place, knob in enumerate(SENSITIVITY.space) if knob.compressor == "prune_channels"]
CONTEXT = SamplerContext(
    0, formula_space(), (metric_of("accuracy"), metric_of("latency")), (), 24, measured(Policy()),
    probe=lambda: SENSITIVITY,
)  # fmt: skip


def uniform(level: int) -> Indices:
    row: Indices = SENSITIVITY.indices([SENSITIVITY.base])[0]
    row[GROUPS] = level
    return row


def cost_of(row: Indices) -> float:
    return float(SENSITIVITY.expected_cost(COST, row[None])[0])


def loss_of(row: Indices) -> float:
    return float(SENSITIVITY.expected_divergence(row[None])[0])


@pytest.mark.parametrize("level", [1, 2])
def test_it_costs_what_a_uniform_network_costs_and_loses_less(level: int) -> None:
    target = cost_of(uniform(level))
    row = reallocated(SENSITIVITY, COST, uniform(3), GROUPS, target)
    assert cost_of(row) <= target
    assert loss_of(row) < loss_of(uniform(level))


def test_groups_are_cut_less_the_more_it_costs_the_network() -> None:
    row = reallocated(SENSITIVITY, COST, uniform(3), GROUPS, cost_of(uniform(2)))
    importance = SENSITIVITY.losses(uniform(3)[None])[0][GROUPS]
    assert list(importance) == sorted(importance)
    assert all(earlier >= later for earlier, later in itertools.pairwise(row[GROUPS]))
    assert len(set(row[GROUPS])) > 1


def test_a_backbone_that_costs_as_much_as_the_target_stays() -> None:
    assert (reallocated(SENSITIVITY, COST, uniform(2), GROUPS, cost_of(uniform(2))) == uniform(2)).all()


def test_a_backbone_that_costs_the_network_nothing_stays() -> None:
    free = replace(SENSITIVITY, divergence={name: (0.0,) * len(v) for name, v in SENSITIVITY.divergence.items()})
    assert (reallocated(free, COST, uniform(3), GROUPS, 1.0) == uniform(3)).all()


def test_other_compressors_keep_what_the_base_has() -> None:
    policies = suggestions(PeelSampler)
    assert {name.split("/")[0] for policy in policies for name in policy} == {"prune_channels"}
    assert len(set(policies)) == len(policies)


def test_the_groups_of_another_compressor_are_shared_among_if_so_asked() -> None:
    sampler = PeelSampler(replace(CONTEXT, options={"compressor": "drop_blocks"}))
    names = [CONTEXT.space.decode(SENSITIVITY.params(row)) for row in sampler._backbones(SENSITIVITY)]
    assert [len(policy) for policy in names] == [0, 4]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"probe": None}, "can probe"),
        ({"options": {"compressor": "prune_chanels"}}, "no knobs of 'prune_chanels'.*prune_channels"),
        ({"options": {"over": 1.0}}, "between 0 and 1"),
        ({"options": {"spare": 0.5}}, "no option 'spare'"),
    ],
)
def test_what_it_cannot_do_is_said(changes: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        PeelSampler(replace(CONTEXT, **changes))  # type: ignore[arg-type]
