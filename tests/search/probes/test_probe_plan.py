"""Which changes are probed: alike knobs together for costs, each knob alone for losses, never more than allowed."""

from __future__ import annotations

from collections import Counter

import pytest

from parefront.search.probes.probe_plan import cost_changes, loss_changes, points
from parefront.spaces.knob import Choice, Knob
from parefront.spaces.network.graph import Layer
from parefront.spaces.policy import Policy
from parefront.spaces.space import SearchSpace

RATIOS = (0.0, 0.25, 0.5, 0.75)


def network(blocks: int = 6) -> tuple[SearchSpace, dict[str, Layer]]:
    """Blocks of two shapes, half each, with a width and bits in each."""
    layers = {}
    for block in range(blocks):
        channels = 16 if block < blocks / 2 else 32
        shape = (channels, 512 // channels, 512 // channels)
        layers[f"b{block}"] = Layer(f"b{block}", "conv", shape, shape, 100, 1000, 1, (3, 3), (1, 1), block)
    knobs = [Knob("prune_channels", name, RATIOS, 0.0, frozenset({name}), x.position) for name, x in layers.items()]
    knobs += [Knob("quantize", name, (32, 8), 32, frozenset({name}), x.position) for name, x in layers.items()]
    return SearchSpace.of(knobs), layers


@pytest.mark.parametrize(
    ("choices", "start", "expected"),
    [
        ((False, True), False, [True]),
        ((32, 8), 8, [32]),
        ((32, 8, 4, 2), 8, [2, 4, 32]),
        (RATIOS, 0.0, [0.75, 0.5]),
        ((0.0, 0.5), 0.0, [0.5]),
    ],
)
def test_the_strongest_a_middle_and_the_mildest_choice(
    choices: tuple[Choice, ...], start: Choice, expected: list[Choice]
) -> None:
    assert points(Knob("any", "layer", choices, choices[0]), start) == expected


def test_alike_knobs_are_changed_together_for_costs() -> None:
    space, layers = network()
    base = {knob.name: 8 if knob.compressor == "quantize" else knob.neutral for knob in space}
    changes = cost_changes(space, base, layers, 100)
    assert len(changes) == 2 * 2 + 2 * 1, "two shapes: two ratios each, and back to float"
    assert all(len(change.knobs) == 3 for change in changes)
    assert all(len({layers[knob.target].out_shape for knob in change.knobs}) == 1 for change in changes)
    assert {change.params["quantize/b0"] for change in changes if "quantize/b0" in change.params} == {32}


def test_where_few_are_allowed_shapes_are_put_together() -> None:
    space, layers = network()
    base = {knob.name: knob.neutral for knob in space}
    changes = cost_changes(space, base, layers, 3)
    assert len(changes) == 3, "two ratios of all widths, and all bits"
    assert all(len(change.knobs) == 6 for change in changes)


def test_every_knob_is_changed_alone_for_losses() -> None:
    space, _ = network()
    changes = loss_changes(space, space.encode(Policy()), 100)
    assert all(len(change.knobs) == 1 for change in changes)
    asked = Counter((change.knobs[0].name, change.choices[0]) for change in changes)
    assert set(asked.values()) == {1}
    assert {choice for name, choice in asked if name.startswith("prune")} == {0.5, 0.75}
    assert len(changes) == 6 * 2 + 6


def test_where_fewer_are_allowed_strongest_choices_are_left_out_first() -> None:
    space, _ = network(12)
    changes = loss_changes(space, space.encode(Policy()), 30)
    alone = {change.knobs[0].name for change in changes if len(change.knobs) == 1}
    assert len(alone) == 24
    assert len(changes) == 30
    assert Counter(change.choices[0] for change in changes)[0.75] == 6


def test_where_fewer_than_knobs_are_allowed_neighbours_are_changed_together() -> None:
    space, _ = network(12)
    changes = loss_changes(space, space.encode(Policy()), 8)
    covered = [knob.name for change in changes for knob in change.knobs if 0.75 not in change.choices]
    assert sorted(covered) == sorted(knob.name for knob in space)
    assert len(changes) <= 8 + 6


def test_the_loss_of_the_base_s_choice_is_always_probed() -> None:
    layers = [f"b{block}" for block in range(4)]
    space = SearchSpace.of([Knob("quantize", n, (32, 8, 4, 2), 32, frozenset({n}), i) for i, n in enumerate(layers)])
    changes = loss_changes(space, space.encode(space.uniform({"quantize": 8})), 100)
    assert Counter(change.choices[0] for change in changes) == {8: 4, 2: 4}
