"""What every sampler owes, as a test suite: subclass it, give one fixture."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from ..evaluators import Measurement
from ..search import Budget, Candidate, SamplerContext, SamplerFactory, SpaceExhausted
from ..search.record import Outcome, TrialRecord
from ..search.repeatable import RepeatableSampler
from ..search.study import RunStudy
from ..spaces import Knob, Policy, SearchSpace

OBJECTIVES = ("accuracy", "latency")
BUDGETS = (Budget.parse("latency <= 0.7x"),)
TRIALS = 24
BLOCKS = 4


class SamplerConformance:
    """The suite for a sampler, run on a network that is a formula: blocks to drop, prune and quantise.

    ::

        class TestMine(SamplerConformance):
            @pytest.fixture
            def sampler(self) -> SamplerFactory:
                return lambda context: MySampler(context.space, seed=context.seed)

    A sampler may end early by raising :class:`~parefront.search.SpaceExhausted`.
    """

    def test_it_suggests_what_the_knobs_offer(self, sampler: SamplerFactory) -> None:
        space = formula_space()
        policies = suggestions(sampler)
        assert policies
        for policy in policies:
            space.validate(policy)
            assert space.canonical(policy) == policy

    def test_it_suggests_different_policies(self, sampler: SamplerFactory) -> None:
        assert len(set(suggestions(sampler))) > 2

    def test_seed_and_history_decide(self, sampler: SamplerFactory) -> None:
        assert suggestions(sampler, seed=3) == suggestions(sampler, seed=3)

    def test_a_study_that_is_read_again_goes_on_as_if_it_had_not_been(
        self, sampler: SamplerFactory, tmp_path: Path
    ) -> None:
        assert suggestions(sampler, folder=tmp_path, restarts={0, 9, 10}) == suggestions(sampler)

    def test_trials_that_fail_do_not_stop_it(self, sampler: SamplerFactory) -> None:
        expected = len(suggestions(sampler))
        assert len(suggestions(sampler, failing=2)) == expected, "every second policy fails"
        assert len(suggestions(sampler, failing=1)) == expected, "every policy fails"


def suggestions(
    factory: SamplerFactory,
    seed: int = 0,
    failing: int = 0,
    folder: Path | None = None,
    restarts: Collection[int] = (),
) -> list[Policy]:
    """The policies of all trials, in order.

    Args:
        factory: makes the sampler.
        seed: of the search.
        failing: one in this many policies fails, or is infeasible; none where 0.
        folder: where the study is kept; in memory only where None.
        restarts: numbers of the trials after which the study is read again.
    """
    space = formula_space()
    baseline = measured(Policy())
    context = SamplerContext(seed, space, OBJECTIVES, BUDGETS, TRIALS, baseline)

    def study() -> RunStudy:
        made = RunStudy(OBJECTIVES, BUDGETS, baseline, RepeatableSampler(factory, context))
        if folder is not None:
            made.keep_in(folder, None)
        return made

    current = study()
    records: dict[Policy, TrialRecord] = {}
    asked: list[Policy] = []
    for number in range(TRIALS):
        trial = current.ask()
        try:
            policy = space.suggest(trial)
        except SpaceExhausted:
            break
        current.tell(trial, policy, records.setdefault(policy, _record(number, policy, failing)))
        asked.append(policy)
        if number in restarts:
            current.close()
            current = study()
    current.close()
    return asked


def formula_space() -> SearchSpace:
    """Four blocks of two layers: droppable, the first layer's width in four choices, both layers in int8 or not."""
    knobs, removes = [], {}
    for block in range(BLOCKS):
        layers = [f"block{block}.conv{i}" for i in (1, 2)]
        drop = Knob("drop_blocks", f"block{block}", (False, True), False, frozenset(layers), 2 * block)
        removes[drop.name] = drop.layers
        width = Knob("prune_channels", layers[0], (0.0, 0.25, 0.5, 0.75), 0.0, frozenset(layers[:1]), 2 * block)
        bits = [Knob("quantize", layers[i], (32, 8), 32, frozenset([layers[i]]), 2 * block + i) for i in (0, 1)]
        knobs += [drop, width, *bits]
    return SearchSpace.of(knobs, removes)


def measured(policy: Policy) -> Candidate:
    """The candidate that a policy gives on the formula: every change costs accuracy and saves time."""
    accuracy, ratio = 0.93, 1.0
    for name, choice in policy.items():
        kind, block = name.split("/")[0], int(name.split("block")[-1][0])
        share = float(choice) if kind == "prune_channels" else 1.0
        accuracy -= (1 + block) * share * {"drop_blocks": 0.008, "prune_channels": 0.006}.get(kind, 0.0003)
        ratio -= share * {"drop_blocks": 0.2, "prune_channels": 0.1}.get(kind, 0.06)
    metrics = {
        "accuracy": Measurement(accuracy, accuracy - 0.005, accuracy + 0.005, 2000, "fraction"),
        "latency_ratio": Measurement(max(ratio, 0.05), 0.99 * max(ratio, 0.05), 1.01 * max(ratio, 0.05), 64, "x"),
        "latency_ms": Measurement.exact(2 * max(ratio, 0.05), "ms"),
    }
    return Candidate(policy, metrics)


def _record(number: int, policy: Policy, failing: int) -> TrialRecord:
    if failing and int(policy.digest[:8], 16) % failing == 0:
        outcome = Outcome.INFEASIBLE if int(policy.digest[8:10], 16) % 2 else Outcome.FAILED
        return TrialRecord(number, policy, outcome, reason="as the test wants it")
    return TrialRecord(number, policy, Outcome.COMPLETE, measured(policy))
