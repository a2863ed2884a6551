"""Several controllers in one study on PostgreSQL: killed, suspended or cut off, they end with what was asked for."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from itertools import count
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import optuna
import pytest

from parefront.evaluators.results.candidate import Candidate
from parefront.evaluators.results.fronts.front import Front
from parefront.search.controller import search
from parefront.search.interruption import Interruption
from parefront.search.runs.events import Event, Finished
from parefront.search.runs.run import Run
from parefront.search.runs.studies import leases, shared_study
from parefront.search.runs.studies.database import storage_at
from parefront.search.runs.studies.mirror import ABANDONED
from parefront.search.runs.studies.shared_table import SharedTable
from parefront.spaces.errors import ConfigError
from parefront.spaces.policy import Policy

from .servers import PostgresServer
from .synthetic import LoggingEvaluator, SyntheticEvaluator
from .test_ask_ahead import Pool
from .test_kill import kill_when

TRIALS = 24
_NAMES = count()

Hook = Callable[[int], None]


class HookedEvaluator(LoggingEvaluator):
    """Calls its ``hook`` before each evaluation, with how many there were."""

    hook: Hook
    pause = 0.0

    def evaluate(self, policy: Policy, artifact: Path, rivals: Front | None = None) -> Candidate:
        self.hook(len(self.evaluated))
        return super().evaluate(policy, artifact, rivals)


def session(path: Path, url: str, study: str, hook: Hook, settings: dict[str, Any]) -> None:
    """What the command does: open or create the run, and search."""
    leases.BEAT_SECONDS, leases.GRACE_BEATS, shared_study.WAIT_SECONDS = 0.05, 10, 0.02
    keys = {"sampler": "random", "trials": TRIALS, "seed": 3, "storage": url, "study": study, **settings}
    evaluator = HookedEvaluator(blocks=5, noise=0.01)
    evaluator.log, evaluator.hook = path.with_suffix(".evaluated"), hook
    search(Run.resume_or_create(path, {"search": keys}), evaluator, raise_errors=True)


class Controllers:
    """Processes that search in one study."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url, self.study = folder, url, f"shared-{next(_NAMES)}"

    def start(self, name: str, hook: Hook = lambda evaluated: None, **settings: Any) -> BaseProcess:
        arguments = (self.folder / name, self.url, self.study, hook, settings)
        process = multiprocessing.get_context("fork").Process(target=session, args=arguments)
        process.start()
        return process

    def run(self, name: str) -> Run:
        return Run.open(self.folder / name)

    def trials(self) -> list[optuna.trial.FrozenTrial]:
        return optuna.load_study(study_name=self.study, storage=storage_at(self.url)).get_trials()

    def evaluated(self, *names: str) -> list[str]:
        return [word for name in names for word in (self.folder / f"{name}.evaluated").read_text().split()]


@pytest.fixture
def controllers(tmp_path: Path, postgres: PostgresServer) -> Controllers:
    return Controllers(tmp_path, postgres.url())


def kill_at(evaluated: int, signum: int = signal.SIGKILL) -> Hook:
    """The process ends, or stops, in the middle of an evaluation."""

    def hook(done: int) -> None:
        if done == evaluated:
            os.kill(os.getpid(), signum)

    return hook


def slowly(_: int) -> None:
    time.sleep(0.02)


def same_ends(controllers: Controllers, *names: str) -> None:
    """Every run has all trials, and the front of all."""
    runs = [controllers.run(name) for name in names]
    first = [(r.number, r.policy, r.outcome) for r in runs[0].trials]
    assert len(first) == TRIALS
    assert len({policy for _, policy, _ in first}) == TRIALS
    for run in runs:
        assert run.finished
        assert [(r.number, r.policy, r.outcome) for r in run.trials] == first
        assert [c.policy for c in run.front] == [c.policy for c in runs[0].front]
        assert [c.sha256 for c in run.front] == [c.sha256 for c in runs[0].front]
        assert {c.artifact.name for c in run.front if c.artifact} <= {p.name for p in run.path.glob("artifacts/*")}


def wait_for_line(log: Path, words: str) -> None:
    while not (log.exists() and words in log.read_text()):
        time.sleep(0.01)


@pytest.mark.parametrize("sampler", ["auto", "nsga2"])
def test_two_at_once_do_what_one_was_asked_for(controllers: Controllers, sampler: str) -> None:
    processes = [controllers.start(name, slowly, sampler=sampler) for name in ("one", "other")]
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    same_ends(controllers, "one", "other")
    one, other = controllers.evaluated("one"), controllers.evaluated("other")
    assert len(one) > 2
    assert len(other) > 2


def test_one_killed_the_other_ends_the_study_and_both_have_the_same_front(controllers: Controllers) -> None:
    one_killed_the_other_ends_the_study(controllers)


def test_the_same_on_a_server_that_speaks_mysql(tmp_path: Path, mariadb: str) -> None:
    one_killed_the_other_ends_the_study(Controllers(tmp_path, mariadb))


def one_killed_the_other_ends_the_study(controllers: Controllers) -> None:
    other = controllers.start("other", slowly)
    killed = controllers.start("killed", kill_at(4))
    killed.join()
    assert killed.exitcode == -signal.SIGKILL
    other.join()
    assert other.exitcode == 0
    assert controllers.run("other").counts["complete"] + controllers.run("other").counts["infeasible"] == TRIALS
    again = controllers.start("killed")
    again.join()
    assert again.exitcode == 0
    same_ends(controllers, "other", "killed")
    trials = controllers.trials()
    assert [t.state.name for t in trials if ABANDONED in t.user_attrs] == ["FAIL"]
    assert all(t.state.is_finished() for t in trials)


def test_one_that_was_suspended_counts_nothing_twice(controllers: Controllers) -> None:
    """The others take it for dead; it comes back in the middle of an evaluation that is not its own any more."""
    suspended = controllers.start("suspended", kill_at(3, signal.SIGSTOP))
    assert suspended.pid is not None
    os.waitid(os.P_PID, suspended.pid, os.WSTOPPED)
    other = controllers.start("other")
    other.join()
    assert other.exitcode == 0
    os.kill(suspended.pid, signal.SIGCONT)
    suspended.join()
    assert suspended.exitcode == 0
    same_ends(controllers, "other", "suspended")
    assert "trial 3 does not count" in (controllers.folder / "suspended" / "log.txt").read_text()


def test_a_database_that_restarts_costs_a_line_and_nothing_else(
    controllers: Controllers, postgres: PostgresServer
) -> None:
    context = multiprocessing.get_context("fork")
    reached, stopped = context.Event(), context.Event()

    def hook(evaluated: int) -> None:
        if evaluated == 5:
            reached.set()
            stopped.wait()

    processes = [controllers.start("one", hook), controllers.start("other", slowly)]
    reached.wait()
    try:
        postgres.stop()
        stopped.set()
        wait_for_line(controllers.folder / "one" / "log.txt", "does not answer")
    finally:
        postgres.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    same_ends(controllers, "one", "other")
    assert not [t for t in controllers.trials() if ABANDONED in t.user_attrs], "nobody was taken for dead meanwhile"
    assert "answers again after" in (controllers.folder / "one" / "log.txt").read_text()


@pytest.mark.parametrize(
    ("owner", "method", "call"),
    [
        (SharedTable, "join", 0),
        (SharedTable, "claim", 4),
        (SharedTable, "_know", 9),
        (Run, "write_record", 5),
        (SharedTable, "leave", 0),
    ],
)
def test_killed_at_its_weakest_moments_it_goes_on_with_what_is_left(
    controllers: Controllers, owner: type, method: str, call: int
) -> None:
    path = controllers.folder / "killed"

    process = multiprocessing.get_context("fork").Process(
        target=sabotaged, args=(owner, method, call, path, controllers.url, controllers.study)
    )
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    again = controllers.start("killed")
    again.join()
    assert again.exitcode == 0
    same_ends(controllers, "killed")
    evaluated = controllers.evaluated("killed")
    assert len(evaluated) <= len(set(evaluated)) + 1, "at most the trial under way is done again"


def sabotaged(owner: type, method: str, call: int, path: Path, url: str, study: str) -> None:
    kill_when(owner, method, call)()
    session(path, url, study, lambda _: None, {})


def search_here(controllers: Controllers, name: str, blocks: int = 5, **config: Any) -> tuple[Run, Front]:
    """A search in this process."""
    keys = {"sampler": "random", "trials": 6, "storage": controllers.url, "study": controllers.study}
    keys |= config.pop("search", {})
    run = Run.resume_or_create(controllers.folder / name, {**config, "search": keys})
    return run, search(run, SyntheticEvaluator(blocks=blocks))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"blocks": 6}, r"of other knobs \(20 there, 24 here\)"),
        (
            {"objectives": ["accuracy", "size"]},
            r"another config \(objectives: None there, \['accuracy', 'size'\] here\)",
        ),
        ({"budget": ["latency <= 0.5x"]}, "of another config .budget"),
        ({"search": {"images": 100}}, "of another config .search.images"),
    ],
)
def test_another_search_is_refused_in_one_line(controllers: Controllers, changes: dict[str, Any], words: str) -> None:
    search_here(controllers, "one")
    with pytest.raises(ConfigError, match=rf"run other cannot search in the study '{controllers.study}' in .*{words}"):
        search_here(controllers, "other", **changes)


def test_the_name_of_the_run_is_that_of_the_study_where_none_is_given(controllers: Controllers) -> None:
    controllers.study = ""
    run, _ = search_here(controllers, f"named-{next(_NAMES)}", search={"study": None})
    told = optuna.load_study(study_name=run.name, storage=storage_at(controllers.url))
    assert len(told.get_trials()) == 6
    assert set(told.user_attrs["front"]) == {str(c.trial) for c in run.front}


def test_a_run_whose_study_was_lost_is_refused(controllers: Controllers) -> None:
    search_here(controllers, "one")
    optuna.delete_study(study_name=controllers.study, storage=storage_at(controllers.url))
    with pytest.raises(ConfigError, match=r"has trials that the study .* has not"):
        search_here(controllers, "one", search={"trials": 8})


def test_the_password_is_nowhere_in_the_runs(controllers: Controllers) -> None:
    run, _ = search_here(controllers, "one")
    written = [path.read_bytes() for path in run.path.rglob("*") if path.is_file()]
    assert len(written) > 10
    assert not [text for text in written if b"s3cret" in text]
    rows = [json.dumps([t.user_attrs, t.system_attrs]) for t in controllers.trials()]
    assert not [row for row in rows if "s3cret" in row]


def test_small_spaces_are_searched_to_their_end_by_all_together(controllers: Controllers) -> None:
    def exhaust(name: str) -> None:
        keys = {"sampler": "random", "storage": controllers.url, "study": controllers.study, "trials": 1000}
        run = Run.resume_or_create(controllers.folder / name, {"search": keys})
        search(run, SyntheticEvaluator(blocks=2, ratios=(0.0,)))

    threads = [threading.Thread(target=exhaust, args=(name,)) for name in ("one", "other")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    one, other = (controllers.run(name) for name in ("one", "other"))
    assert len(one.trials) == 5**2, "a block is dropped, or has two layers of two widths"
    assert [r.policy for r in one.trials] == [r.policy for r in other.trials]


def test_each_controller_may_have_several_workers(controllers: Controllers) -> None:
    pools = {name: Pool(SyntheticEvaluator(blocks=5), 3) for name in ("one", "other")}

    def search_with(name: str) -> None:
        keys = {"sampler": "random", "storage": controllers.url, "study": controllers.study, "trials": TRIALS}
        run = Run.resume_or_create(controllers.folder / name, {"search": keys})
        search(run, SyntheticEvaluator(blocks=5), executor=pools[name])

    threads = [threading.Thread(target=search_with, args=(name,)) for name in pools]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    same_ends(controllers, "one", "other")
    submitted = [policy for pool in pools.values() for policy in pool.submitted]
    assert len(submitted) == len(set(submitted)) == TRIALS
    assert not [*controllers.folder.glob("*/asked/*")]


def test_an_interrupted_controller_gives_its_slots_back_at_once(controllers: Controllers) -> None:
    interruption = Interruption()
    keys = {"sampler": "random", "storage": controllers.url, "study": controllers.study, "trials": TRIALS}

    def interrupt(event: Event) -> None:
        interruption.requested = interruption.requested or isinstance(event, Finished)

    run = Run.resume_or_create(controllers.folder / "one", {"search": keys})
    pool = Pool(SyntheticEvaluator(blocks=5), 3)
    with pytest.raises(KeyboardInterrupt):
        search(run, SyntheticEvaluator(blocks=5), interrupt, executor=pool, interruption=interruption)
    assert len(run.trials) == 3, "what was under way is recorded"
    search_here(controllers, "other", search={"trials": TRIALS})
    assert len(controllers.run("other").trials) == TRIALS
    assert all(trial.state.is_finished() for trial in controllers.trials())
