"""Asking ahead: with several workers no policy is evaluated twice, and results are told in the order of asking."""

from __future__ import annotations

from concurrent.futures import Future
from pathlib import Path

import pytest

from parefront.evaluators.results.candidate import Candidate
from parefront.evaluators.results.front import Front
from parefront.search.controller import search
from parefront.search.executors.local import LocalExecutor
from parefront.search.runs.events import Event, Finished
from parefront.search.runs.run import Run
from parefront.spaces.errors import Infeasible
from parefront.spaces.policy import Policy

from .synthetic import SyntheticEvaluator

SAMPLERS = ["auto", "random", "nsga2", "tpe", "uniform", "amc"]


class Deferred(Future[Candidate]):
    """A future whose pool works once the first result is asked for."""

    def __init__(self, pool: Pool) -> None:
        super().__init__()
        self._pool = pool

    def result(self, timeout: float | None = None) -> Candidate:
        self._pool.work()
        self._pool.taken += 1
        return super().result(timeout)


class Pool:
    """Several workers that finish in an order of their own: of those under way, the last that was submitted first."""

    def __init__(self, evaluator: SyntheticEvaluator, workers: int) -> None:
        self.workers, self._evaluator = workers, evaluator
        self._waiting: list[tuple[Deferred, Policy, Path, Front]] = []
        self.submitted: list[Policy] = []
        self.most = self.taken = 0

    def submit(self, policy: Policy, artifact: Path, rivals: Front) -> Future[Candidate]:
        self.submitted.append(policy)
        self.most = max(self.most, len(self.submitted) - self.taken)
        future = Deferred(self)
        self._waiting.append((future, policy, artifact, rivals))
        return future

    def work(self) -> None:
        while self._waiting:
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
def test_no_policy_is_evaluated_twice_and_all_are_told_in_their_order(sampler: str, tmp_path: Path) -> None:
    evaluator = SyntheticEvaluator(blocks=3)
    pool, events = Pool(evaluator, workers=3), list[Event]()
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
