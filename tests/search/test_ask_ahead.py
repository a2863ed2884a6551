"""Asking ahead: with several workers no policy is evaluated twice, and results are told in the order of asking."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path

import optuna
import pytest

from parefront.evaluators.results.candidate import Candidate
from parefront.evaluators.results.fronts.front import Front
from parefront.search.controller import search
from parefront.search.executors.local import LocalExecutor
from parefront.search.interruption import Interruption
from parefront.search.runs.events import Event, Finished
from parefront.search.runs.run import Run
from parefront.spaces.errors import Infeasible
from parefront.spaces.policy import Policy

from .synthetic import SyntheticEvaluator

SAMPLERS = ["auto", "random", "nsga2", "tpe", "uniform", "amc"]
IN_ALL = {"uniform": 14}
"""Policies that there are, of samplers with fewer than are asked for."""


class Pool:
    """Several workers that finish in an order of their own: of those under way, the last that was submitted first."""

    def __init__(self, evaluator: SyntheticEvaluator, workers: int, ordered: bool = False) -> None:
        self.workers, self.ordered, self._evaluator = workers, ordered, evaluator
        self._waiting: list[tuple[Future[Candidate], Policy, Path, Front]] = []
        self.submitted: list[Policy] = []
        self.most = 0

    def submit(self, policy: Policy, artifact: Path, rivals: Front) -> Future[Candidate]:
        self.submitted.append(policy)
        future = Future[Candidate]()
        self._waiting.append((future, policy, artifact, rivals))
        self.most = max(self.most, len(self._waiting))
        return future

    def wait(self, futures: Sequence[Future[Candidate]]) -> None:
        while not any(future.done() for future in futures):
            future, policy, artifact, rivals = self._waiting.pop()
            try:
                future.set_result(self._evaluator.evaluate(policy, artifact, rivals))
            except Infeasible as error:
                future.set_exception(error)

    def close(self) -> None:
        self._waiting.clear()


def run_in(folder: Path, sampler: str, trials: int) -> Run:
    config = {"objectives": ["accuracy", "latency"], "budget": []}
    return Run.resume_or_create("run", config | {"search": {"sampler": sampler, "trials": trials, "seed": 0}}, folder)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_no_policy_is_evaluated_twice_and_results_are_told_as_they_come(sampler: str, tmp_path: Path) -> None:
    evaluator = SyntheticEvaluator(blocks=3)
    pool, events = Pool(evaluator, workers=3), list[Event]()
    run = run_in(tmp_path, sampler, trials=16)
    search(run, evaluator, events.append, executor=pool)

    assert pool.most == 3
    assert len(pool.submitted) == len(set(pool.submitted)) == len(run.trials) == IN_ALL.get(sampler, 16)
    finished = [event.record.policy for event in events if isinstance(event, Finished)]
    assert finished[0] == pool.submitted[2]
    assert sorted(finished, key=str) == sorted(pool.submitted, key=str)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_an_ordered_executor_tells_in_the_order_of_asking(sampler: str, tmp_path: Path) -> None:
    evaluator = SyntheticEvaluator(blocks=3)
    pool, events = Pool(evaluator, workers=3, ordered=True), list[Event]()
    run = run_in(tmp_path, sampler, trials=16)
    search(run, evaluator, events.append, executor=pool)

    assert pool.most == 3
    assert len(pool.submitted) == len(set(pool.submitted)) == len(run.trials)
    finished = [event.record.policy for event in events if isinstance(event, Finished)]
    assert finished == pool.submitted
    assert [record.policy for record in run.trials] == pool.submitted


def test_a_space_smaller_than_the_workers_ends(tmp_path: Path) -> None:
    evaluator = SyntheticEvaluator(blocks=1, ratios=(0.0,))
    pool = Pool(evaluator, workers=4)
    run = run_in(tmp_path, "random", trials=30)
    search(run, evaluator, executor=pool)

    assert len(pool.submitted) == len(set(pool.submitted)) == len(run.trials) < 30


def test_the_local_executor_is_what_a_search_has_by_default(tmp_path: Path) -> None:
    policies = []
    for name in ("given", "default"):
        evaluator = SyntheticEvaluator(blocks=3)
        run = run_in(tmp_path / name, "auto", trials=20)
        search(run, evaluator, executor=LocalExecutor(evaluator) if name == "given" else None)
        policies.append([record.policy for record in run.trials])

    assert policies[0] == policies[1]


def test_a_search_that_is_to_end_takes_what_is_under_way_and_asks_for_nothing_more(tmp_path: Path) -> None:
    evaluator, interruption = SyntheticEvaluator(blocks=3), Interruption()
    pool = Pool(evaluator, workers=3)

    def ask_to_end(event: Event) -> None:
        interruption.requested = isinstance(event, Finished) and event.done >= 5

    with pytest.raises(KeyboardInterrupt):
        search(run_in(tmp_path, "auto", trials=16), evaluator, ask_to_end, executor=pool, interruption=interruption)
    assert interruption.under_way == 0
    assert 5 < len(run_in(tmp_path, "auto", trials=16).trials) == len(pool.submitted) <= 5 + 2
    assert not [*(tmp_path / "run" / "asked").iterdir()]

    search(run_in(tmp_path, "auto", trials=16), evaluator, executor=Pool(evaluator, workers=3))
    assert len(run_in(tmp_path, "auto", trials=16).trials) == len(set(evaluator.evaluated)) == 16
    assert len(evaluator.evaluated) == 16, "nothing is evaluated again"


def test_an_interrupted_search_with_workers_goes_on(tmp_path: Path) -> None:
    evaluator = SyntheticEvaluator(blocks=3)

    def stop(event: Event) -> None:
        if isinstance(event, Finished) and event.done == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search(run_in(tmp_path, "auto", trials=16), evaluator, stop, executor=Pool(evaluator, workers=3))
    assert len(run_in(tmp_path, "auto", trials=16).trials) == 7

    run = run_in(tmp_path, "auto", trials=16)
    search(run, evaluator, executor=Pool(evaluator, workers=3))
    assert len({record.policy for record in run.trials}) == len(run.trials) == 16


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_what_ended_out_of_order_is_known_after_an_interruption(sampler: str, tmp_path: Path) -> None:
    evaluator = SyntheticEvaluator(blocks=3)

    def stop(event: Event) -> None:
        if isinstance(event, Finished) and event.done == 5:
            raise KeyboardInterrupt

    first = Pool(evaluator, workers=4)
    with pytest.raises(KeyboardInterrupt):
        search(run_in(tmp_path, sampler, trials=20), evaluator, stop, executor=first)
    recorded = {record.number: record.policy for record in run_in(tmp_path, sampler, trials=20).trials}
    assert sorted(recorded) != list(range(5)), "numbers are missing of those that were under way"

    second = Pool(evaluator, workers=4)
    run = run_in(tmp_path, sampler, trials=20)
    search(run, evaluator, executor=second)
    were_under_way = [policy for policy in first.submitted if policy not in recorded.values()]
    assert second.submitted[: len(were_under_way)] == were_under_way
    assert not set(recorded.values()) & set(second.submitted)
    assert not list((run.path / "asked").iterdir())
    assert len({record.policy for record in run.trials}) == len(run.trials) == IN_ALL.get(sampler, 20)
    assert {record.number: record.policy for record in run.trials if record.number in recorded} == recorded
    told = study_of(run)
    by_digest = {trial.user_attrs["digest"]: trial for trial in told}
    for record in run.trials:
        assert by_digest[record.policy.digest].number == record.number
        if record.candidate is not None:
            accuracy, latency = by_digest[record.policy.digest].values
            assert accuracy == record.candidate.metrics["accuracy"].value
            assert latency == record.candidate.metrics["latency_ratio"].value


def test_a_record_that_was_not_told_is_told_with_its_own_number(tmp_path: Path) -> None:
    evaluator = SyntheticEvaluator(blocks=3)
    run = run_in(tmp_path, "tpe", trials=8)
    search(run, evaluator, executor=Pool(evaluator, workers=3))
    recorded = {record.policy.digest: record.number for record in run.trials}
    (run.path / "study.db").unlink()

    run = run_in(tmp_path, "tpe", trials=12)
    search(run, evaluator, executor=Pool(evaluator, workers=3))
    told = {trial.user_attrs["digest"]: trial for trial in study_of(run) if "repeats" not in trial.user_attrs}
    assert {digest: told[digest].number for digest in recorded} == recorded


def study_of(run: Run) -> list[optuna.trial.FrozenTrial]:
    """The finished trials of a run's study, repeats and lost ones left out, as another program reads them."""
    study = optuna.load_study(study_name=None, storage=f"sqlite:///{run.path}/study.db")
    return [trial for trial in study.get_trials() if "repeats" not in trial.user_attrs]


class Slow(SyntheticEvaluator):
    """An evaluation takes a while, of which the next one, that waits behind it, knows nothing."""

    def evaluate(self, policy: Policy, artifact: Path, rivals: Front | None = None) -> Candidate:
        time.sleep(0.05)
        return super().evaluate(policy, artifact, rivals)


def test_time_in_which_evaluations_overlap_is_counted_once(tmp_path: Path) -> None:
    evaluator, run, began = Slow(), run_in(tmp_path, "random", trials=12), time.perf_counter()
    search(run, evaluator, executor=Pool(evaluator, workers=4))
    took = time.perf_counter() - began

    again = Run.open("run", tmp_path)
    counted_twice = sum(record.seconds for record in again.trials)
    assert counted_twice > sum(record.took for record in again.trials), "each from its asking, three others beside it"
    assert 12 * 0.05 < sum(record.took for record in again.trials) <= again.seconds <= took
