"""What every sampler owes, as a test suite: subclass it, give one fixture."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from ..evaluators.results.budget import Budget
from ..evaluators.results.errors import SpaceExhausted
from ..evaluators.results.metric import ACCURACY, Metric
from ..evaluators.results.metrics import metric_of
from ..search.registry import SamplerFactory
from ..search.runs.record import Outcome, TrialRecord
from ..search.runs.studies.study import RunStudy
from ..search.samplers.context import SamplerContext
from ..search.samplers.repeatable import RepeatableSampler
from ..spaces.policy import Policy
from .formula import ERROR, formula_layers, formula_space, measured, probed

OBJECTIVES = ("accuracy", "latency")
BUDGETS = ("latency <= 0.7x",)
TRIALS = 24
"""Of each search of the suite."""
_USUAL: dict[tuple[int, int], tuple[SamplerFactory, tuple[Policy, ...]]] = {}
"""Of each sampler, kept so that no other gets its identity: the policies of :meth:`SamplerConformance.usual`."""


class SamplerConformance:
    """The suite for a sampler, run on a network that is a formula: blocks to drop, prune and quantise.

    ::

        class TestMine(SamplerConformance):
            @pytest.fixture
            def sampler(self) -> SamplerFactory:
                return lambda context: MySampler(context.space, seed=context.seed)

    A sampler may end early by raising :class:`~parefront.search.SpaceExhausted`.

    Attributes:
        trials: of each search; fewer for a sampler that takes seconds a trial, but enough for it to learn from some.
    """

    trials: ClassVar[int] = TRIALS

    def test_it_suggests_what_the_knobs_offer(self, sampler: SamplerFactory) -> None:
        space = formula_space()
        policies = self.usual(sampler)
        assert policies
        for policy in policies:
            space.validate(policy)
            assert space.canonical(policy) == policy

    def test_it_suggests_different_policies(self, sampler: SamplerFactory) -> None:
        assert len(set(self.usual(sampler))) > 2

    def test_seed_and_history_decide(self, sampler: SamplerFactory) -> None:
        assert self.suggestions(sampler, seed=3) == self.suggestions(sampler, seed=3)

    def test_a_study_that_is_read_again_goes_on_as_if_it_had_not_been(
        self, sampler: SamplerFactory, tmp_path: Path
    ) -> None:
        assert self.suggestions(
            sampler, folder=tmp_path, restarts={0, self.trials // 2, self.trials - 3}
        ) == self.usual(sampler)

    def test_trials_that_fail_do_not_stop_it(self, sampler: SamplerFactory) -> None:
        expected = len(self.usual(sampler))
        assert len(self.suggestions(sampler, failing=2)) == expected, "every second policy fails"
        assert len(self.suggestions(sampler, failing=1)) == expected, "every policy fails"

    def test_three_objectives_are_served(self, sampler: SamplerFactory, tmp_path: Path) -> None:
        three = ("accuracy", "latency", "size")
        straight = self.suggestions(sampler, objectives=three)
        assert len(set(straight)) > 2
        assert self.suggestions(sampler, objectives=three, folder=tmp_path, restarts={self.trials - 2}) == straight

    def test_four_objectives_are_served(self, sampler: SamplerFactory) -> None:
        policies = self.suggestions(sampler, objectives=("accuracy", "latency", "size", "macs"))
        assert len(set(policies)) > 2

    def test_objectives_without_accuracy_are_served(self, sampler: SamplerFactory) -> None:
        assert len(set(self.suggestions(sampler, objectives=("latency", "size")))) > 2

    def test_a_quality_that_is_better_when_lower_is_served(self, sampler: SamplerFactory) -> None:
        policies = self.suggestions(sampler, quality=ERROR)
        assert len(policies) == len(self.usual(sampler))
        assert len(set(policies)) > 2

    def test_budgets_that_no_policy_meets_are_served(self, sampler: SamplerFactory) -> None:
        policies = self.suggestions(sampler, budgets=("latency <= 0.001x", "accuracy >= 0.99"))
        assert len(policies) == len(self.suggestions(sampler, budgets=()))
        assert len(set(policies)) > 2

    def usual(self, sampler: SamplerFactory) -> tuple[Policy, ...]:
        """The policies of a search with no options, which is made once for each sampler."""
        key = id(sampler), self.trials
        if key not in _USUAL:
            _USUAL[key] = sampler, self.suggestions(sampler)
        return _USUAL[key][1]

    def suggestions(self, sampler: SamplerFactory, **options: Any) -> tuple[Policy, ...]:
        """The policies of all trials; see :func:`suggestions`."""
        return tuple(suggestions(sampler, trials=self.trials, **options))


def suggestions(
    factory: SamplerFactory,
    seed: int = 0,
    failing: int = 0,
    folder: Path | None = None,
    restarts: Collection[int] = (),
    objectives: tuple[str, ...] = OBJECTIVES,
    budgets: tuple[str, ...] = BUDGETS,
    trials: int = TRIALS,
    quality: Metric = ACCURACY,
) -> list[Policy]:
    """The policies of all trials, in order.

    Args:
        factory: makes the sampler.
        seed: of the search.
        failing: one in this many policies fails, or is infeasible; none where 0.
        folder: where the study is kept; in memory only where None.
        restarts: numbers of the trials after which the study is read again, as by another process.
        objectives: of accuracy, latency, size and MACs.
        budgets: as a config has them.
        trials: how many.
        quality: what ``accuracy`` means: itself or :data:`~parefront.testing.formula.ERROR`.
    """
    context = formula_context(seed, objectives, budgets, trials, quality)

    def study() -> RunStudy:
        sampler = RepeatableSampler(factory, replace(context, memory={}))
        made = RunStudy(context.objectives, context.budgets, context.baseline, sampler)
        if folder is not None:
            made.keep_in(folder, None)
        return made

    current = study()
    records: dict[Policy, TrialRecord] = {}
    asked: list[Policy] = []
    for number in range(trials):
        trial = current.ask()
        try:
            policy = context.space.suggest(trial)
        except SpaceExhausted:
            break
        current.tell(trial, policy, records.setdefault(policy, _record(number, policy, failing, quality)))
        asked.append(policy)
        if number in restarts:
            current.close()
            current = study()
    current.close()
    return asked


def formula_context(
    seed: int = 0,
    objectives: tuple[str, ...] = OBJECTIVES,
    budgets: tuple[str, ...] = BUDGETS,
    trials: int = TRIALS,
    quality: Metric = ACCURACY,
) -> SamplerContext:
    """What a sampler is told of the formula: its layers and probes, too."""
    parsed = tuple(Budget.parse(text, quality) for text in budgets)
    metrics = tuple(metric_of(name, quality) for name in objectives)
    return SamplerContext(
        seed,
        formula_space(),
        metrics,
        parsed,
        trials,
        measured(Policy(), quality),
        search_seed=seed,
        layers=formula_layers(),
        probe=lambda: probed(metrics),
    )


def _record(number: int, policy: Policy, failing: int, quality: Metric) -> TrialRecord:
    if failing and int(policy.digest[:8], 16) % failing == 0:
        outcome = Outcome.INFEASIBLE if int(policy.digest[8:10], 16) % 2 else Outcome.FAILED
        return TrialRecord(number, policy, outcome, reason="as the test wants it")
    return TrialRecord(number, policy, Outcome.COMPLETE, measured(policy, quality))
