"""The additive model recovers an additive truth, expects of unknown knobs what their like do, and chooses by volume."""

from __future__ import annotations

import numpy as np
import pytest

from parefront.search.history import Tried
from parefront.search.surrogate import Surrogate, most_promising
from parefront.spaces import Choice, Knob, Policy, SearchSpace

from .synthetic import SyntheticEvaluator

BLOCKS = 12
SPACE = SyntheticEvaluator(blocks=BLOCKS).space
GENERATOR = np.random.default_rng(0)
LOSS = {knob.name: float(GENERATOR.uniform(0.05, 0.15)) for knob in SPACE}
SAVING = {knob.name: float(GENERATOR.uniform(0.01, 0.1)) for knob in SPACE}


def tried(policy: Policy, smooth: bool = True, noise: float = 0.0) -> Tried:
    """Roots of divergences, and logarithms of costs, add up over the knobs that are not void."""
    params = SPACE.encode(policy)
    shares = {n: SPACE[n].choices.index(c) / (len(SPACE[n].choices) - 1) for n, c in policy.items()}
    divergence = sum(LOSS[name] * share for name, share in shares.items()) ** 2
    cost = float(np.exp(-sum(SAVING[name] * share for name, share in shares.items())))
    loss = 0.2 * divergence if smooth else sum(LOSS[name] * share for name, share in shares.items())
    return Tried(params, policy.digest, (loss - 0.9 + noise, cost), (0.0, 0.0), 0.0, divergence if smooth else None)


def policies(count: int, changed: int = 4, seed: int = 0) -> list[Policy]:
    generator = np.random.default_rng(seed)
    names = [knob.name for knob in SPACE]
    drawn: list[dict[str, Choice]] = [
        {
            n: SPACE[n].choices[int(generator.integers(1, len(SPACE[n].choices)))]
            for n in generator.choice(names, changed)
        }
        for _ in range(count)
    ]
    return [SPACE.decode(choices) for choices in drawn]


@pytest.mark.parametrize("smooth", [True, False])
def test_an_additive_truth_is_recovered(smooth: bool) -> None:
    known = [tried(policy, smooth) for policy in [Policy(), *policies(300)]]
    surrogate = Surrogate(SPACE, known[0], known, loss=0)
    unseen = [tried(policy, smooth) for policy in policies(50, changed=6, seed=1)]
    predicted = surrogate.predict([t.params for t in unseen])
    truth = np.array([t.costs for t in unseen])
    for objective in (0, 1):
        assert np.corrcoef(predicted[:, objective], truth[:, objective])[0, 1] > 0.98
    np.testing.assert_allclose(predicted[:, 1], truth[:, 1], rtol=0.05)


def test_a_knob_that_was_never_tried_is_expected_to_do_what_its_like_do() -> None:
    singles = [Policy({f"drop_blocks/block{b}": True}) for b in range(BLOCKS)]
    known = [tried(policy) for policy in [Policy(), *singles[1:]]]
    surrogate = Surrogate(SPACE, known[0], known, loss=0)
    cost = surrogate.predict([SPACE.encode(singles[0])])[0, 1]
    usual = np.exp(np.mean([np.log(t.costs[1]) for t in known[1:]]))
    assert cost == pytest.approx(usual, rel=0.03)
    assert cost < 0.98


def test_void_knobs_add_nothing() -> None:
    known = [tried(policy) for policy in [Policy(), *policies(100)]]
    surrogate = Surrogate(SPACE, known[0], known, loss=0)
    dropped = SPACE.encode(Policy({"drop_blocks/block3": True}))
    void = {**dropped, "quantize/block3.conv1": 8, "prune_channels/block3.conv1": 0.5}
    first, second = surrogate.predict([dropped, void])
    assert first.tolist() == second.tolist()


def test_divergence_is_believed_rather_than_a_lucky_accuracy() -> None:
    generator = np.random.default_rng(3)
    known = [tried(policy, noise=float(generator.normal(0, 0.01))) for policy in [Policy(), *policies(200)]]
    exact = [tried(policy) for policy in [Policy(), *policies(200)]]
    truth, measured = (np.array([t.costs[0] for t in each]) for each in (exact, known))
    believed = Surrogate(SPACE, known[0], known, loss=0).believed(known)[:, 0]
    assert np.std(believed - truth) < 0.2 * np.std(measured - truth)


def test_the_child_that_adds_most_to_the_front_is_chosen() -> None:
    space = SearchSpace.of([Knob("a", "x", (0, 1), 0), Knob("a", "y", (0, 1), 0), Knob("a", "z", (0, 1), 0)])

    def made(choices: dict[str, Choice], loss: float, cost: float) -> Tried:
        return Tried(space.encode(Policy(choices)), str(choices), (loss, cost), (0.0, 0.0), 0.0)

    known = [made({}, 0.0, 1.0)] * 8 + [made({"a/x": 1}, 0.01, 0.5)] * 8
    known += [made({"a/y": 1}, 0.01, 0.9)] * 8 + [made({"a/z": 1}, 0.2, 0.5)] * 8
    surrogate = Surrogate(space, known[0], known, loss=0)
    children = [space.encode(Policy(c)) for c in ({"a/y": 1, "a/z": 1}, {"a/x": 1, "a/y": 1}, {"a/x": 1, "a/z": 1})]
    assert most_promising(surrogate, children, known, np.array([0.1, 1.0])) is children[1]
    assert most_promising(surrogate, children, known, np.ones(4)) is children[0]
