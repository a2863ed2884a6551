"""NSGA-II and NSGA-III with what they need at hand suggest what Optuna's own suggest."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import optuna
import pytest
from optuna.samplers import BaseSampler, NSGAIIISampler, NSGAIISampler

from parefront.evaluators.results.metric import ACCURACY, LATENCY
from parefront.evaluators.results.metrics import value_of
from parefront.search.samplers.context import SamplerContext
from parefront.search.samplers.genetic import POPULATION, nsga2, nsga3
from parefront.search.samplers.repeatable import RepeatableSampler

from ..synthetic import SyntheticEvaluator

Factory = Callable[[SamplerContext], BaseSampler]


def optunas_nsga2(context: SamplerContext) -> BaseSampler:
    return NSGAIISampler(seed=context.seed, population_size=POPULATION)


def optunas_nsga3(context: SamplerContext) -> BaseSampler:
    return NSGAIIISampler(seed=context.seed, population_size=POPULATION)


def suggestions(factory: Factory, folder: Path, together: int) -> list[dict[str, object]]:
    """The first 120, with so many trials under way at once and every seventh failing."""
    evaluator = SyntheticEvaluator(blocks=4)
    context = SamplerContext(3, evaluator.space, (ACCURACY, LATENCY), (), 120, evaluator.baseline(folder))
    study = optuna.create_study(directions=["maximize", "minimize"], sampler=RepeatableSampler(factory, context))
    under_way: list[optuna.Trial] = []
    for number in range(120):
        trial = study.ask()
        evaluator.space.suggest(trial)
        under_way.append(trial)
        if len(under_way) == together:
            ended = under_way.pop(number % together)
            policy = evaluator.space.decode(ended.params)
            failed = ended.number % 7 == 3 or len(policy.of("drop_blocks")) == evaluator.blocks
            made = None if failed else evaluator.evaluate(policy, folder / "x.onnx")
            values = None if made is None else [value_of(made, ACCURACY), value_of(made, LATENCY)]
            study.tell(ended, values, state=None if values else optuna.trial.TrialState.FAIL)
    return [trial.params for trial in study.get_trials(deepcopy=False)]


@pytest.mark.parametrize("together", [1, 8])
@pytest.mark.parametrize(("ours", "theirs"), [(nsga2, optunas_nsga2), (nsga3, optunas_nsga3)])
def test_they_suggest_what_optunas_do(ours: Factory, theirs: Factory, together: int, tmp_path: Path) -> None:
    assert suggestions(ours, tmp_path, together) == suggestions(theirs, tmp_path, together)


def test_trials_are_marked_as_optunas_are(tmp_path: Path) -> None:
    evaluator = SyntheticEvaluator(blocks=4)
    context = SamplerContext(3, evaluator.space, (ACCURACY, LATENCY), (), 120, evaluator.baseline(tmp_path))
    study = optuna.create_study(directions=["maximize", "minimize"], sampler=nsga2(context))
    evaluator.space.suggest(study.ask())
    assert "NSGAIISampler:generation" in study.get_trials()[0].system_attrs
