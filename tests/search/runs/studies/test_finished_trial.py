"""Finished trials in memory: as Optuna's, with their common parts kept once."""

from __future__ import annotations

import copy

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.trial import TrialState

from parefront.search.runs.studies.finished_trial import FinishedTrial, SharedDistributions, TrialsInMemory

KNOBS: dict[str, BaseDistribution] = {
    "drop": CategoricalDistribution([False, True]),
    "bits": CategoricalDistribution([32, 8]),
}


def seen(study: optuna.Study) -> list[dict[str, object]]:
    times = ("_datetime_start", "datetime_complete")
    return [{k: v for k, v in vars(t).items() if k not in times} for t in study.get_trials(deepcopy=False)]


def search(study: optuna.Study) -> None:
    for number in range(8):
        trial = study.ask(KNOBS)
        trial.set_user_attr("number", number)
        trial.set_constraint("size", -1.0)
        study.tell(trial, [0.1 * number, 1.0], TrialState.COMPLETE) if number % 3 else study.tell(
            trial, state=TrialState.FAIL
        )


def test_a_search_finds_what_it_finds_in_optunas_own_storage() -> None:
    ours, theirs = (
        optuna.create_study(
            storage=storage,
            directions=["maximize", "minimize"],
            sampler=optuna.samplers.NSGAIISampler(seed=1, population_size=3),
        )
        for storage in (TrialsInMemory(), optuna.storages.InMemoryStorage())
    )
    search(ours)
    search(theirs)
    assert seen(ours) == seen(theirs)
    storage = ours._storage
    assert isinstance(storage, TrialsInMemory)
    assert storage.trial_count == len(theirs.trials) == 8
    assert [t.number for t in ours.best_trials] == [t.number for t in theirs.best_trials]


def test_finished_trials_share_their_distributions_and_their_copies_all_but_themselves() -> None:
    study = optuna.create_study(storage=TrialsInMemory(), directions=["maximize", "minimize"])
    search(study)
    first, second = study.get_trials(deepcopy=False)[:2]
    assert isinstance(first, FinishedTrial)
    assert first.distributions is second.distributions
    copied = copy.deepcopy(first)
    assert copied == first
    assert copied is not first
    assert copied.params is first.params


def test_distributions_that_only_seem_equal_are_not_shared() -> None:
    shared = SharedDistributions()
    flags: dict[str, BaseDistribution] = {"x": CategoricalDistribution([False, True])}
    numbers: dict[str, BaseDistribution] = {"x": CategoricalDistribution([0, 1])}
    assert shared.of(flags) is flags
    assert shared.of(numbers) is numbers
    assert shared.of({"x": CategoricalDistribution([False, True])}) is flags
    assert [*shared.of({"y": flags["x"], "x": flags["x"]})] == ["y", "x"]
