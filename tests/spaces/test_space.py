"""The search space: knobs in execution order, and policies made canonical, so that equal networks are one policy."""

from __future__ import annotations

import numpy as np
import optuna
import pytest

from parefront.spaces.errors import ConfigError
from parefront.spaces.knob import Knob
from parefront.spaces.policy import Policy
from parefront.spaces.space import SearchSpace


def bits(layer: str, position: int) -> Knob:
    return Knob("quantize", layer, (32, 8), 32, frozenset({layer}), position)


def width(layers: set[str], position: int, ratios: tuple[float, ...] = (0.0, 0.25, 0.5)) -> Knob:
    return Knob("prune_channels", min(layers), ratios, 0.0, frozenset(layers), position)


def drop(name: str, layers: set[str], position: int) -> Knob:
    return Knob("drop_blocks", name, (False, True), False, frozenset(layers), position)


@pytest.fixture
def space() -> SearchSpace:
    """A stem, an outer block of layers a, b and c with an inner one around b, and a head."""
    outer, inner = drop("outer", {"a", "b", "c"}, 1), drop("inner", {"b"}, 2)
    knobs = [bits(layer, position) for position, layer in enumerate(("stem", "a", "b", "c", "head"))]
    knobs += [width({"stem", "c"}, 0), width({"a", "b"}, 1), outer, inner]
    return SearchSpace.of(knobs, {knob.name: knob.layers for knob in (outer, inner)})


def test_knobs_are_in_execution_order(space: SearchSpace) -> None:
    names = [knob.name for knob in space]
    assert names[:2] == ["quantize/stem", "prune_channels/c"], "knobs of one position stay as they were given"
    assert [knob.position for knob in space] == sorted(knob.position for knob in space)
    assert list(space.distributions) == names


def test_two_knobs_of_one_name_are_refused() -> None:
    with pytest.raises(ConfigError, match="same name: quantize/stem"):
        SearchSpace.of([bits("stem", 0), bits("stem", 1)])


def test_an_unknown_knob_names_the_nearest(space: SearchSpace) -> None:
    with pytest.raises(ConfigError, match="no knob 'quantize/steam' in this space; did you mean 'quantize/stem'"):
        space.decode({"quantize/steam": 8})


def test_a_choice_that_is_not_on_offer_is_refused(space: SearchSpace) -> None:
    with pytest.raises(ConfigError, match=r"prune_channels/a offers \[0.0, 0.25, 0.5\], the policy says 0.3"):
        space.validate(Policy({"prune_channels/a": 0.3}))


def test_neutral_choices_are_left_out(space: SearchSpace) -> None:
    assert space.decode({knob.name: knob.neutral for knob in space}) == Policy()
    assert space.decode({"quantize/stem": 8, "quantize/a": 32}) == Policy({"quantize/stem": 8})


def test_what_is_encoded_is_decoded(space: SearchSpace) -> None:
    generator = np.random.default_rng(0)
    for _ in range(50):
        policy = space.sample(generator)
        encoded = space.encode(policy)
        assert list(encoded) == [knob.name for knob in space]
        assert space.decode(encoded) == policy


def test_a_dropped_block_voids_the_knobs_inside_it(space: SearchSpace) -> None:
    dropped = {"drop_blocks/outer": True}
    inside = {"quantize/a": 8, "quantize/b": 8, "prune_channels/a": 0.5}
    assert space.decode({**dropped, **inside}).digest == space.decode(dropped).digest


def test_a_dropped_block_voids_the_blocks_inside_it(space: SearchSpace) -> None:
    both = space.decode({"drop_blocks/outer": True, "drop_blocks/inner": True})
    assert both == Policy({"drop_blocks/outer": True})


def test_a_knob_that_reaches_beyond_the_dropped_block_counts(space: SearchSpace) -> None:
    policy = {"drop_blocks/inner": True, "prune_channels/a": 0.5, "prune_channels/c": 0.25, "quantize/a": 8}
    assert space.decode(policy) == Policy(policy)


def test_a_trial_is_asked_for_every_knob_in_order(space: SearchSpace) -> None:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    trial = study.ask()
    policy = space.suggest(trial)
    assert list(trial.params) == [knob.name for knob in space]
    assert policy == space.decode(trial.params)
    fixed = optuna.trial.FixedTrial(space.encode(Policy({"quantize/head": 8})))
    assert space.suggest(fixed) == Policy({"quantize/head": 8})


def test_a_uniform_choice_falls_back_to_the_nearest_milder_one() -> None:
    knobs = [width({"wide"}, 0, (0.0, 0.25, 0.5, 0.75)), width({"narrow"}, 1, (0.0, 0.5)), bits("wide", 2)]
    space = SearchSpace.of(knobs)
    assert space.uniform({"prune_channels": 0.25}) == Policy({"prune_channels/wide": 0.25})
    assert space.uniform({"prune_channels": 0.6}) == Policy({f"prune_channels/{n}": 0.5 for n in ("wide", "narrow")})
    assert space.uniform({"quantize": 8}) == Policy({"quantize/wide": 8})
    assert space.uniform({"quantize": 16}) == Policy(), "16 bits are milder than 8, and 32 the only choice up to them"


def test_samples_come_from_the_whole_space_and_repeat_by_seed(space: SearchSpace) -> None:
    first, again = ([space.sample(g) for _ in range(40)] for g in (np.random.default_rng(7), np.random.default_rng(7)))
    assert first == again
    seen = {(name, choice) for policy in first for name, choice in policy.items()}
    assert seen == {(knob.name, c) for knob in space for c in knob.choices if c != knob.neutral}


def test_a_knob_that_overrules_another_voids_it() -> None:
    knobs = [
        Knob(method, "conv", ("full", "half"), "full", frozenset({"conv"})) for method in ("separable", "low_rank")
    ]
    space = SearchSpace.of(knobs, overrules={"separable/conv": frozenset({"low_rank/conv"})})
    both = {"separable/conv": "half", "low_rank/conv": "half"}
    assert space.decode(both) == Policy({"separable/conv": "half"})
    assert space.decode({"low_rank/conv": "half"}) == Policy({"low_rank/conv": "half"})


def test_a_knob_that_is_void_itself_overrules_nothing() -> None:
    conv = frozenset({"conv"})
    knobs = [
        Knob("drop_blocks", "block", (False, True), False, conv),
        Knob("separable", "conv", ("full", "half"), "full", conv),
        Knob("share_weights", "other", (0, 4), 0, frozenset({"other"})),
    ]
    space = SearchSpace.of(knobs, {"drop_blocks/block": conv}, {"separable/conv": frozenset({"share_weights/other"})})
    policy = space.decode({"drop_blocks/block": True, "separable/conv": "half", "share_weights/other": 4})
    assert policy == Policy({"drop_blocks/block": True, "share_weights/other": 4})


@pytest.fixture
def integer_space() -> SearchSpace:
    """No float: the stem has 8 bits, the block's layer 8 or 4; the block may be dropped."""
    block = drop("block", {"a"}, 1)
    stem, layer = (
        Knob("quantize", name, choices, 32, frozenset({name}), position)
        for position, (name, choices) in enumerate({"stem": (8,), "a": (8, 4)}.items())
    )
    return SearchSpace.of([stem, layer, block], {block.name: block.layers})


def test_what_leaves_nothing_to_choose_is_no_knob_but_part_of_every_policy(integer_space: SearchSpace) -> None:
    assert [knob.name for knob in integer_space] == ["quantize/a", "drop_blocks/block"]
    assert integer_space.start == Policy({"quantize/stem": 8, "quantize/a": 8})
    assert integer_space.decode({"quantize/a": 4}) == Policy({"quantize/stem": 8, "quantize/a": 4})
    assert integer_space.uniform({"drop_blocks": True}) == Policy({"quantize/stem": 8, "drop_blocks/block": True})
    assert all("quantize/stem" in integer_space.sample(np.random.default_rng(seed)) for seed in range(8))
    assert integer_space.ladders() == {"drop_blocks": [False, True], "quantize": [8, 4]}


def test_policies_without_float_survive_a_study(integer_space: SearchSpace) -> None:
    for policy in (
        integer_space.start,
        integer_space.decode({"quantize/a": 4}),
        integer_space.uniform({"quantize": 4}),
    ):
        assert integer_space.decode(integer_space.encode(policy)) == policy
    assert integer_space.decode(integer_space.encode(Policy())) == integer_space.start, "which has no float to offer"
