"""``kill -9`` at any moment, and the same command goes on: nothing finished is lost, nothing is done twice."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from parefront.search.controller import search
from parefront.search.runs.run import Run
from parefront.search.runs.studies.study import RunStudy

from ..forked import forked
from .end_state import end_state
from .synthetic import LoggingEvaluator, SyntheticEvaluator

TRIALS = 26
KILLS = 10


def session(path: Path, sabotage: Callable[[], None] | None = None, sampler: str = "auto") -> None:
    """What the command does: open or create the run, and search."""
    if sabotage is not None:
        sabotage()
    config = {"search": {"sampler": sampler, "trials": TRIALS, "seed": 3}}
    evaluator = LoggingEvaluator(blocks=5, noise=0.01)
    evaluator.log = path.with_suffix(".evaluated")
    search(Run.resume_or_create(path, config), evaluator, raise_errors=True)


def run_and_kill(
    path: Path, after: float | None, sabotage: Callable[[], None] | None = None, sampler: str = "auto"
) -> int:
    """Search in a process of its own, killed ``after`` seconds; returns its exit code."""
    process = multiprocessing.get_context("fork").Process(target=session, args=(path, sabotage, sampler))
    process.start()
    process.join(after)
    process.kill()
    process.join()
    assert process.exitcode is not None
    return process.exitcode


def trials_in(path: Path) -> int:
    return len(list(path.glob("trials/[0-9]*.json")))


def kill_at_random(path: Path, generator: random.Random) -> int:
    """Search in a process of its own, killed while it starts or after a trial or more; returns its exit code."""
    process = multiprocessing.get_context("fork").Process(target=session, args=(path,))
    before = trials_in(path)
    process.start()
    if generator.random() < 0.7:
        while process.is_alive() and trials_in(path) == before:
            time.sleep(0.002)
    process.join(generator.uniform(0, 0.06))
    process.kill()
    process.join()
    assert process.exitcode is not None
    return process.exitcode


def test_killed_ten_times_it_ends_where_it_would_have_ended(tmp_path: Path, whole: dict[str, Any]) -> None:
    path, generator = tmp_path / "killed" / "demo", random.Random(0)
    codes: list[int] = []
    found: list[int] = []
    while len(codes) < KILLS and 0 not in codes:
        codes.append(kill_at_random(path, generator))
        found.append(trials_in(path))
    assert len(set(found)) >= 3, "it was killed at three stages of the search, or more"
    assert found == sorted(found)
    assert run_and_kill(path, None) == 0
    assert end_state(path) == whole
    evaluated = path.with_suffix(".evaluated").read_text().split()
    assert len(evaluated) - len(set(evaluated)) <= KILLS, "at most the trial under way is done again"


def kill_when(owner: type, method: str, call: int) -> Callable[[], None]:
    """Kills the process at the given call of a method."""

    def sabotage() -> None:
        original, calls = getattr(owner, method), iter(range(10**6))

        def dies(*args: Any, **kwargs: Any) -> Any:
            if next(calls) == call:
                os.kill(os.getpid(), signal.SIGKILL)
            return original(*args, **kwargs)

        setattr(owner, method, dies)

    return sabotage


@pytest.mark.parametrize(
    ("owner", "method", "call"),
    [
        (Run, "_write_config", 0),
        (SyntheticEvaluator, "baseline", 0),
        (Run, "write_baseline", 0),
        (RunStudy, "keep_in", 0),
        (Run, "write_record", 5),
        (RunStudy, "tell", 5),
        (RunStudy, "ask", 20),
        (Run, "write_final_baseline", 0),
        (Run, "write_final_baseline", 1),
        (SyntheticEvaluator, "finalise", 3),
        (Run, "write_finalised", 3),
        (Run, "write_front", 0),
    ],
)
def test_killed_at_its_weakest_moments(
    tmp_path: Path, whole: dict[str, Any], owner: type, method: str, call: int
) -> None:
    path = tmp_path / "killed" / "demo"
    assert run_and_kill(path, None, kill_when(owner, method, call)) == -signal.SIGKILL
    assert run_and_kill(path, None) == 0
    assert end_state(path) == whole
    evaluated = path.with_suffix(".evaluated").read_text().split()
    assert len(evaluated) <= len(set(evaluated)) + 1


@pytest.mark.parametrize("sampler", ["amc", "cmaes", "nsga3"])
def test_samplers_that_learn_go_on_as_if_they_had_not_been_killed(sampler: str, tmp_path: Path) -> None:
    """Started from a process that has not differentiated, since torch cannot in the fork of one that has."""
    assert forked(kill_and_go_on, sampler, tmp_path) == 0


def kill_and_go_on(sampler: str, tmp_path: Path) -> None:
    straight, path = tmp_path / "whole" / "demo", tmp_path / "killed" / "demo"
    assert run_and_kill(straight, None, sampler=sampler) == 0
    for owner, method, call in ((RunStudy, "tell", 15), (Run, "write_record", 6)):
        assert run_and_kill(path, None, kill_when(owner, method, call), sampler) == -signal.SIGKILL
    assert run_and_kill(path, None, sampler=sampler) == 0
    assert end_state(path) == end_state(straight)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The end of a search that nobody killed."""
    path = tmp_path_factory.mktemp("whole") / "demo"
    assert run_and_kill(path, None) == 0
    return end_state(path)
